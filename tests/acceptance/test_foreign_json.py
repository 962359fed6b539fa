"""Foreign senders post to a daemon as it is run: one incident and one ticket each, ended by what they send; a curl of the how-to is all it takes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.acceptance.daemon import config_of
from tests.acceptance.waiting import until

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests/samples/json"
PAGE = (ROOT / "docs/howto/json.md").read_text(encoding="utf-8")
SETTLE_SECONDS_MAX = 40.0


def sources() -> dict[str, object]:
    """All mappings of the page, and the kinds that need none, open to this machine."""
    found: dict[str, object] = {}
    for block in re.findall(r"```yaml\n(sources:\n.*?)```", PAGE, re.DOTALL):
        found |= {name: {**source, "auth": "none"} for name, source in yaml.safe_load(block)["sources"].items()}
    del found["robots"]
    silent = {"auth": "none", "auto_resolve_after": "1h"}
    return found | {
        "kibana": {"kind": "kibana", "auth": "none"},
        "watcher": {"kind": "watcher", **silent},
        "elastalert2": {"kind": "elastalert2", **silent},
    }


def test_every_sender_of_the_how_tos_opens_one_incident_and_its_recovery_ends_it(start, tmp_path):
    asked = sources()
    daemon = start(config_of(tmp_path, sources=asked))

    def post(what: str) -> int:
        posted = [(name, path) for name in asked for path in SAMPLES.glob(f"{name}-{what}.*")]
        for name, path in posted:
            # Amazon calls its JSON plain text; a form is called what it is.
            kind = "application/x-www-form-urlencoded" if path.suffix == ".form" else "text/plain; charset=UTF-8"
            answer = daemon.post(f"/api/v1/webhooks/{name}", data=path.read_bytes(), headers={"Content-Type": kind})
            assert answer.status_code == 202, (name, answer.text)
        return len(posted)

    def open_count() -> int:
        return sum(incident["state"] == "triggered" for incident in daemon.incidents())

    def wait(count: int, what: str) -> None:
        until(lambda: open_count() == count, SETTLE_SECONDS_MAX, what, last_words=daemon.log)

    problems = post("problem")
    assert problems == len(asked) >= 16
    wait(problems, "an incident of each sender is open")
    assert post("problem") == problems
    assert post("ignored") == 3
    assert post("recovery") == problems - 2, "Watcher and ElastAlert2 never send one"
    wait(2, "all but two are over")
    assert len(daemon.incidents()) == problems
    assert daemon.rows("SELECT count(*) FROM inbox WHERE state = 'quarantined'") == [(0,)]
    # What was never part of an incident is explained from its message, which only the mapping can read.
    why = daemon.get("/api/v1/explain?match=alert.source=own-scripts&match=host=db2").json()
    assert why["alert"]["labels"] == {"alertname": "the job restic failed", "host": "db2", "job": "restic"}
