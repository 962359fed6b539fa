"""What the configuration may say of proof that paging works, each mistake with what its author is told."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestd import wiring
from ingestd.config.load import load
from ingestd.config.policy import build_policy
from ingestd.config.problems import ConfigProblems, render_all

ROOT = Path(__file__).parents[2]
SOURCE = "am: {kind: alertmanager, auth: none}"


def told(load_text, config: str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        load_text(config)
    return render_all(caught.value.problems)


def test_a_watchdog_is_read_with_its_matchers(load_text, good):
    watched = '{kind: alertmanager, auth: none, watchdog: {match: ["alertname = Watchdog"], within: 5m}}'
    loaded = load_text(good.replace(SOURCE, f"am: {watched}"))
    watchdog = build_policy(loaded).watchdogs["am"]
    assert ([one.text for one in watchdog.match], watchdog.within_seconds) == (["alertname = Watchdog"], 300)


@pytest.mark.parametrize(
    ("watchdog", "code", "hint"),
    [
        ('{match: ["alertname Watchdog"], within: 5m}', "matcher", ""),
        ('{match: ["alertname =~ (?=x)"], within: 5m}', "matcher", ""),
        ("{match: [{alertname: Watchdog}], within: 5m}", "matcher", "write  'alertname = Watchdog'"),
        ("{match: [], within: 5m}", "value", ""),
        ('{match: ["alertname = Watchdog"]}', "missing-key", ""),
        ('{match: ["alertname = Watchdog"], within: 5s}', "value", ""),
        ('{match: ["alertname = Watchdog"], within: 300}', "duration", "write 300s"),
        ('{match: ["alertname = Watchdog"], within: 5m, every: 1m}', "unknown-key", ""),
    ],
)
def test_a_watchdog_that_is_wrong(load_text, good, watchdog, code, hint):
    text = told(load_text, good.replace(SOURCE, f"am: {{kind: alertmanager, auth: none, watchdog: {watchdog}}}"))
    assert f"error[{code}]" in text
    assert text.startswith("config.yaml:2:")
    assert hint in text


def test_the_address_of_the_watcher_is_a_secret_in_a_file(load_text, good, tmp_path):
    secret = "https://watcher.example/ping/5e1f-secret?ok=1"
    (tmp_path / "beat").write_text(f"{secret}\n")
    (tmp_path / "beat").chmod(0o600)
    loaded = load_text(good + "heartbeat: {url_file: beat, every: 2m}\n")
    assert loaded.lint == ()
    assert secret not in repr(loaded.config)
    assert secret in wiring.secrets(loaded, [])
    standing = wiring.standing(loaded, [secret])
    assert standing.heartbeat is not None
    assert (standing.heartbeat.url, standing.heartbeat.every_seconds) == (secret, 120)
    assert secret not in repr(standing)
    assert secret not in standing.hide(f"cannot reach {secret}")


@pytest.mark.parametrize(
    ("heartbeat", "code"),
    [
        ("{}", "missing-key"),
        ("{url: watcher.example/ping}", "url"),
        ("{url: 'https://watcher.example/a b'}", "url"),
        ("{url: 'ftp://watcher.example/'}", "url"),
        ("{url: 'https://watcher.example/', every: 10s}", "value"),
        ("{url_file: nowhere}", "missing-file"),
        ("{url: 'https://watcher.example/', url_file: beat}", "secret"),
    ],
)
def test_a_heartbeat_that_is_wrong(load_text, good, heartbeat, code):
    assert f"error[{code}]" in told(load_text, good + f"heartbeat: {heartbeat}\n")


def test_a_drill_by_itself_is_on_the_clock_of_the_configuration(load_text, good):
    drills = (
        'timezone: Europe/Berlin\ndrills: [{policy: default, when: {weekdays: [monday], times: ["10:00-10:05"]}}]\n'
    )
    (drill,) = wiring.standing(load_text(good + drills), []).drills
    assert drill.policy == "default"
    assert drill.when.open_until(datetime(2026, 3, 2, 9, 2, tzinfo=UTC)) == datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
    assert drill.when.open_until(datetime(2026, 3, 2, 10, 2, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("drill", "code", "hint"),
    [
        ("{policy: defualt, when: {weekdays: [monday]}}", "unknown-policy", 'did you mean "default"?'),
        ("{policy: none, when: {weekdays: [monday]}}", "unknown-policy", ""),
        ("{policy: default}", "missing-key", ""),
        ("{policy: default, when: {}}", "window", ""),
        ("{policy: default, when: {weekdays: [munday]}}", "window", "did you mean"),
        ("{when: {weekdays: [monday]}}", "missing-key", ""),
    ],
)
def test_a_drill_that_is_wrong(load_text, good, drill, code, hint):
    text = told(load_text, good + f"drills: [{drill}]\n")
    assert f"error[{code}]" in text
    assert hint in text


def test_what_the_page_about_proof_shows_can_be_loaded(tmp_path, good):
    """Each block of the page in one configuration; the one for Alertmanager is not ours."""
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if not block.startswith("route:")]
    assert len(blocks) == 3
    for name in ("prod", "heartbeat"):
        (tmp_path / name).write_text("https://watcher.example/ping/1234567890\n")
        (tmp_path / name).chmod(0o600)
    ours = good.replace(f"sources:\n  {SOURCE}\n", "") + "".join(blocks)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yaml").write_text("rules: []\n")
    (tmp_path / "config.yaml").write_text(ours.replace("/etc/ingestd", str(tmp_path)))
    loaded = load(tmp_path / "config.yaml", environment={})
    standing = wiring.standing(loaded, [])
    assert (list(standing.policy.watchdogs), len(standing.drills)) == (["prod"], 1)
    assert standing.heartbeat is not None
