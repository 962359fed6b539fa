"""One life of the daemon, as far as it needs no socket."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingestd.app import Daemon
from ingestd.errors import IngestdError
from ingestd.reloading import reading
from ingestd.reloading.reading import load_all

RELOAD_COUNT = 50
SMALL = """\
server: {listen: "127.0.0.1:0"}
database: {url: "sqlite:ingestd.db"}
sources: {am: {kind: alertmanager, auth: none}}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
channels: {email: mail}
people: {asha: {email: asha@example.com}}
policies: {default: {steps: [{page: [asha]}]}}
teams: {default: {policy: default, ticket: {to: tickets}}}
rules: {path: rules, test_on_reload: false}
api: {loopback_without_token: true}
"""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (IngestdError("the package is somebody else's"), "the package is somebody else's"),
        (ImportError("no module named sesame"), "ImportError: no module named sesame"),
        (OSError(13, "Permission denied"), "[Errno 13] Permission denied"),
    ],
)
async def test_whatever_a_connector_does_at_a_reload_the_old_configuration_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    path = root / "config.example.yaml"
    loaded, registry = load_all(path)
    daemon = Daemon(path, loaded, registry)

    def fail(_path: Path) -> None:
        raise error

    monkeypatch.setattr(reading, "load_all", fail)
    assert list(await daemon.reload()) == [reason]
    assert daemon.loaded is loaded


async def test_the_secrets_of_every_configuration_are_hidden_wherever_a_service_repeats_them(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    text = (root / "config.example.yaml").read_text().replace("path: rules ", f"path: {root / 'rules'} ")
    loopback = "loopback_without_token: true"
    path.write_text(text.replace(loopback, "tokens: [{name: a, role: admin, token: the-old-one-0123456}]"))
    daemon = Daemon(path, *load_all(path))
    monkeypatch.setattr(daemon, "webhooks", Bystander(), raising=False)
    monkeypatch.setattr(daemon, "engine", Bystander(), raising=False)
    path.write_text(text.replace(loopback, "tokens: [{name: a, role: admin, token: the-new-one-0123456}]"))
    assert not await daemon.reload()
    for secret in ("the-old-one-0123456", "the-new-one-0123456"):
        assert daemon._current.standing.hide(f"you sent {secret}") == "you sent ***"


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon that serves, with every kind of connector that needs nothing but a folder."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yaml").write_text(
        "version: 1\nrules:\n  - {rule: r, match: [a = b], title: '{{ labels.a }}'}\n"
    )
    path = tmp_path / "config.yaml"
    path.write_text(SMALL)
    daemon = Daemon(path, *load_all(path))
    await daemon.start()
    yield daemon
    await daemon.stop()


async def test_many_reloads_leave_nothing_behind(small: Daemon) -> None:
    def standing() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), len(gc.get_objects())

    for _ in range(10):  # threads and caches reach their size
        assert not await small.reload()
    files, objects = standing()
    for _ in range(RELOAD_COUNT):
        assert not await small.reload()
    files_after, objects_after = standing()
    assert files_after <= files + 1  # the listing itself
    assert objects_after - objects < RELOAD_COUNT * 2, "less than two objects for each reload"


async def test_a_refusal_stands_in_the_status_until_what_is_on_disk_is_taken_over(
    small: Daemon, tmp_path: Path
) -> None:
    rules = tmp_path / "rules" / "10.yaml"
    good = rules.read_text()
    assert (small.status()["refused"], small.report.notice()) == (None, "")
    rules.write_text(good.replace("rule: r", "rlue: r"))
    problems = await small.reload()
    refused = small.status()["refused"]
    assert (refused["reason"], refused["problem_count"]) == ("invalid", len(problems))
    assert refused["problems"][0] == problems[0].splitlines()[0]
    assert "is refused since" in small.report.notice()
    await small.reload()
    assert small.status()["refused"]["at"] == refused["at"], "since it was refused first"
    rules.write_text(good)
    assert not await small.reload()
    assert (small.status()["refused"], small.report.notice()) == (None, "")
    counted = {
        result: small.metrics.registry.get_sample_value("ingestd_config_reloads_total", {"result": result})
        for result in ("taken_over", "invalid", "broken")
    }
    assert counted == {"taken_over": 1, "invalid": 2, "broken": 0}


async def test_a_refusal_shows_no_secret(small: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    small.secrets.add("quiet-as-a-mouse")

    def fail(_path: Path) -> None:
        raise RuntimeError("the service does not like quiet-as-a-mouse")

    monkeypatch.setattr(reading, "load_all", fail)
    assert list(await small.reload()) == ["RuntimeError: the service does not like ***"]
    assert "mouse" not in str(small.status())


class Bystander:
    """Stands where the parts of a started daemon are told of a reload."""

    def replace(self, _doors: object) -> None: ...

    def use(self, _connectors: object) -> None: ...
