"""``ingestd rules replay`` and ``ingestd rules diff``: what other rules would have made of what is stored, beside a daemon that works."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceKind
from ingestd.store import dialect, inbox
from ingestd.store.inbox import Envelope
from ingestd.store.lock import FileLock
from ingestd.store.migrate import migrate

CONFIG = """\
database: {url: "sqlite:ingestd.db"}
sources:
  am: {kind: alertmanager, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
people:
  asha: {email: asha@example.com}
  ben: {email: ben@example.com}
channels: {email: mail}
policies:
  night-watch: {steps: [{page: [asha], wait: 5m}, {page: [ben], wait: 10m}]}
  by-day: {steps: [{page: [ben], wait: 15m}]}
teams:
  default: {policy: night-watch, ticket: {to: tickets}}
api: {loopback_without_token: true}
"""
RULES = """\
version: 1
defaults: {correlate: {by: [service], within: 1h}}
rules:
  - rule: gateway-down
    match: [alertname = GatewayDown]
    impact: high
    urgency: high
  - rule: ledger
    match: [service = ledger]
"""
QUIETER = """\
version: 1
defaults: {correlate: {by: [service], within: 1h}}
rules:
  - rule: ledger
    match: [service = ledger]
    correlate: {by: []}
    page: by-day
  - rule: gateway-down
    match: [alertname = GatewayDown]
    impact: high
    urgency: medium
"""
NIGHT = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def envelope(number: int, at: datetime, status: str, *names: str, service: str = "ledger") -> Envelope:
    alerts = [
        {
            "status": status,
            "labels": {"alertname": name, "service": service},
            "annotations": {"summary": f"{name} | `rm` @all of {service}"},
            "startsAt": at.isoformat(),
        }
        for name in names
    ]
    body = json.dumps({"version": "4", "alerts": alerts}).encode()
    return stored(number, at, body)


def stored(number: int, at: datetime, body: bytes) -> Envelope:
    return Envelope(EnvelopeId(f"env_{number}"), "am", SourceKind.ALERTMANAGER.value, at, "192.0.2.1", body, inbox.DONE)


HISTORY = (
    envelope(1, NIGHT, "firing", "GatewayDown", service="cards"),
    envelope(2, NIGHT + timedelta(minutes=10), "firing", "GatewayDown", service="cards"),
    stored(3, NIGHT + timedelta(minutes=11), b"not json"),
    envelope(4, NIGHT + timedelta(minutes=30), "resolved", "GatewayDown", service="cards"),
    envelope(5, NOON, "firing", "LedgerLag", "LedgerSlow"),
    envelope(6, NOON + timedelta(hours=1), "resolved", "LedgerLag", "LedgerSlow"),
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, its rules, quieter ones and the history of a day, which is also where we are."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("rules", RULES), ("quieter", QUIETER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "10.yaml").write_text(text)
    (tmp_path / "config.yaml").write_text(CONFIG)
    engine = dialect.engine_for(f"sqlite:///{tmp_path / 'ingestd.db'}")
    with engine.begin() as connection:
        migrate(connection)
        inbox.add(connection, HISTORY)
    return tmp_path


COMPARE = ("rules", "replay", "--since", "2d", "--rules", "quieter")

PAGE = """\
quieter instead of rules: what would have changed
Received from 2026-03-01 01:00 UTC to 2026-03-01 13:00 UTC.
Incidents: 1 changed, 1 split; 0 the same. Pages 4, at night 2.
Nobody answers in a replay, so every escalation runs to its end: these pages are the most that there could have been. With --ack-after 10m everybody answers.
Night is from 22:00 to 07:00 on the clock of UTC.
What fired before the first envelope counts as new when it is repeated.
Envelopes that cannot be read, and are left out: 1.

From envelopes to pages
                   BEFORE  AFTER  DIFFERENCE
envelopes          6       6
alerts             7       7
after dedup        3       3
kept back          0       0
incidents          2       3      +1
tickets            2       3      +1
pages              4       4
of these at night  2       2

Who would be paged
PERSON  PAGES  AT NIGHT
asha    2 → 1  1
ben     2 → 3  1

By rule
RULE    ALERTS  INCIDENTS  PAGES  AT NIGHT
ledger  2       1 → 2      2      0

Incidents that would be split, merged or regrouped
OPENED                SEVERITY  INCIDENTS  PAGES  AT NIGHT  TITLE
2026-03-01 12:00 UTC  medium    1 → 2      2      0         LedgerLag | `rm` @all of ledger

Incidents that would change
OPENED                SEVERITY         WHAT ELSE  TITLE
2026-03-01 01:00 UTC  critical → high             GatewayDown | `rm` @all of cards
"""


def test_the_page_says_what_would_have_changed_and_for_whom(bare_shell, place):
    shown = bare_shell(*COMPARE)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == PAGE


def test_as_markdown_it_can_be_pasted_and_nothing_from_outside_acts(bare_shell, place):
    shown = bare_shell(*COMPARE, "--ack-after", "1m", "--format", "markdown")
    assert (
        shown.stdout
        == """\
### quieter instead of rules: what would have changed

Received from 2026-03-01 01:00 UTC to 2026-03-01 13:00 UTC.

Incidents: 1 changed, 1 split; 0 the same. Pages 2 → 3, at night 1.

Everybody acknowledges 60 s after they were first paged.

Night is from 22:00 to 07:00 on the clock of UTC.

What fired before the first envelope counts as new when it is repeated.

Envelopes that cannot be read, and are left out: 1.

#### From envelopes to pages

|  | BEFORE | AFTER | DIFFERENCE |
| --- | --- | --- | --- |
| envelopes | 6 | 6 |  |
| alerts | 7 | 7 |  |
| after dedup | 3 | 3 |  |
| kept back | 0 | 0 |  |
| incidents | 2 | 3 | +1 |
| tickets | 2 | 3 | +1 |
| pages | 2 | 3 | +1 |
| of these at night | 1 | 1 |  |

#### Who would be paged

| PERSON | PAGES | AT NIGHT |
| --- | --- | --- |
| ben | 0 → 2 | 0 |
| asha | 2 → 1 | 1 |

#### By rule

| RULE | ALERTS | INCIDENTS | PAGES | AT NIGHT |
| --- | --- | --- | --- | --- |
| ledger | 2 | 1 → 2 | 1 → 2 | 0 |

#### Incidents that would be split, merged or regrouped

| OPENED | SEVERITY | INCIDENTS | PAGES | AT NIGHT | TITLE |
| --- | --- | --- | --- | --- | --- |
| 2026-03-01 12:00 UTC | medium | 1 → 2 | 1 → 2 | 0 | `LedgerLag \\| 'rm' @all of ledger` |

#### Incidents that would change

| OPENED | SEVERITY | WHAT ELSE | TITLE |
| --- | --- | --- | --- |
| 2026-03-01 01:00 UTC | critical → high |  | `GatewayDown \\| 'rm' @all of cards` |
"""
    )


def test_the_same_as_json(bare_shell, place):
    told = json.loads(bare_shell(*COMPARE, "-o", "json").stdout)
    assert (told["before"], told["after"], told["would_change"]) == ("rules", "quieter", True)
    assert (told["since"], told["first_at"]) == ("2026-02-28T02:14:00Z", "2026-03-01T01:00:00Z")
    assert told["funnel"] == {
        side: {
            "envelopes": 6,
            "alerts": 7,
            "after_dedup": 3,
            "kept_back": 0,
            "incidents": count,
            "tickets": count,
            "pages": 4,
            "pages_at_night": 2,
        }
        for side, count in (("before", 2), ("after", 3))
    }
    assert (told["people_count"], told["rules_count"], told["written"]) == (2, 1, None)
    assert told["people"][0] == {
        "person": "asha",
        "before": {"pages": 2, "pages_at_night": 1},
        "after": {"pages": 1, "pages_at_night": 1},
    }
    changed, split = told["incidents"]["changes"]
    assert (told["incidents"]["change_count"], told["incidents"]["same_count"]) == (2, 0)
    assert (changed["kind"], changed["aspects"], split["kind"]) == ("changed", ["severity"], "split")
    assert changed["after"] == [
        {
            "opened_at": "2026-03-01T01:00:00Z",
            "title": "GatewayDown | `rm` @all of cards",
            "severity": "high",
            "rule": "gateway-down",
            "team": "default",
            "policy": "night-watch",
            "ticket": "tickets",
            "alerts": 1,
            "pages": [
                {"person": "asha", "pages": 1, "pages_at_night": 1},
                {"person": "ben", "pages": 1, "pages_at_night": 1},
            ],
        }
    ]
    assert [len(split["before"]), len(split["after"])] == [1, 2]


def test_night_is_that_of_the_zone_of_the_configuration(bare_shell, place):
    (place / "config.yaml").write_text(f"timezone: Asia/Kolkata\n{CONFIG}")
    shown = bare_shell(*COMPARE)
    assert "Night is from 22:00 to 07:00 on the clock of Asia/Kolkata." in shown.stdout
    assert "2026-03-01 06:30 IST  critical → high" in shown.stdout
    assert "2026-03-01 17:30 IST  medium" in shown.stdout


def test_without_other_rules_it_shows_what_these_make_of_the_history(bare_shell, place):
    shown = bare_shell("rules", "replay", "--since", "2d")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("What rules makes of what was received\n")
    assert "alerts             7\n" in shown.stdout
    assert "gateway-down  1       1          2      2\n" in shown.stdout
    assert (
        "2026-03-01 01:00 UTC  critical  gateway-down  tickets  asha 1 (1 at night), ben 1 (1 at night)" in shown.stdout
    )
    told = json.loads(bare_shell("rules", "replay", "--since", "2d", "-o", "json").stdout)
    assert (told["after"], told["would_change"], told["funnel"]["after"]) == (None, None, None)
    assert [case["severity"] for case in told["incidents"]["cases"]] == ["critical", "medium"]


def test_the_same_rules_change_nothing(bare_shell, place):
    shown = bare_shell("rules", "replay", "--since", "2d", "--rules", "rules", "--fail-on-change")
    assert shown.exit_code == 0
    assert "\nNothing would change.\n" in shown.stdout
    assert "Incidents that would" not in shown.stdout


def test_a_change_fails_only_if_that_is_asked_for(bare_shell, place):
    assert bare_shell(*COMPARE, "--fail-on-change").exit_code == 1
    refused = bare_shell("rules", "replay", "--fail-on-change")
    assert (refused.exit_code, "--rules PATH" in refused.stderr) == (2, True)


def test_long_lists_are_cut_and_the_rest_is_counted(bare_shell, place):
    shown = bare_shell(*COMPARE, "--limit", "1")
    assert "asha    2 → 1  1\n... and 1 more\n" in shown.stdout
    assert "| asha | 2 → 1 | 1 |\n\n… and 1 more\n" in bare_shell(*COMPARE, "--limit", "1", "-o", "markdown").stdout
    told = json.loads(bare_shell(*COMPARE, "--limit", "1", "-o", "json").stdout)
    assert (len(told["people"]), told["people_count"], len(told["incidents"]["changes"])) == (1, 2, 1)


def test_it_only_reads_beside_a_daemon_that_holds_the_file_and_is_writing(bare_shell, place):
    database = place / "ingestd.db"
    lock = FileLock(database)
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM inbox")
    before = {name: (place / name).read_bytes() for name in ("ingestd.db", "ingestd.db-wal", "ingestd.db.lock")}
    shown = bare_shell(*COMPARE)
    assert (shown.exit_code, "alerts             7       7\n" in shown.stdout) == (0, True)
    assert {name: (place / name).read_bytes() for name in before} == before
    writer.execute("ROLLBACK")
    writer.close()
    lock.release()


def test_no_lock_is_taken_where_no_daemon_runs(bare_shell, place):
    before = (place / "ingestd.db").read_bytes()
    assert bare_shell(*COMPARE).exit_code == 0
    assert (place / "ingestd.db").read_bytes() == before
    assert not (place / "ingestd.db.lock").exists()


def test_a_history_shorter_than_was_asked_for_is_said(bare_shell, place):
    shown = bare_shell("rules", "replay", "--since", "60d")
    assert "Decided envelopes are kept for 30 d; the oldest is of 2026-03-01T01:00:00Z." in shown.stdout
    nothing = bare_shell("rules", "replay", "--since", "1h", "--rules", "quieter")
    assert nothing.exit_code == 0
    assert "Nothing that was received since 2026-03-02T01:14:00Z is stored." in nothing.stdout
    assert "Nothing would change." in nothing.stdout


def test_rules_with_errors_are_shown_with_their_places(bare_shell, place):
    (place / "quieter" / "10.yaml").write_text(QUIETER.replace("page: by-day", "page: by-dya"))
    shown = bare_shell(*COMPARE)
    assert shown.exit_code == 1
    assert 'quieter/10.yaml:7:11: error[unknown-policy]: policy "by-dya" is not defined' in shown.stdout
    missing = bare_shell("rules", "replay", "--rules", "elsewhere")
    assert (missing.exit_code, "elsewhere: error[missing-file]" in missing.stdout) == (1, True)


def test_what_cannot_be_done_is_said_with_what_to_do(bare_shell, place):
    assert "write 12h or 30d" in bare_shell("rules", "replay", "--since", "a week").stderr
    (place / "ingestd.db").write_bytes(b"no database at all, but long enough" * 100)
    spoiled = bare_shell("rules", "replay")
    assert (spoiled.exit_code, "the database cannot be read: file is not a database" in spoiled.stderr) == (1, True)
    (place / "ingestd.db").unlink()
    gone = bare_shell("rules", "replay")
    assert (gone.exit_code, "there is no database" in gone.stderr, "--no-history" in gone.stderr) == (1, True, True)


# ---------------------------------------------------------------------- diff


def test_diff_tells_what_is_written_differently_and_then_what_it_would_have_done(bare_shell, place):
    shown = bare_shell("rules", "diff", "rules", "quieter")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("quieter instead of rules: what would have changed\n")
    assert (
        """
What is written differently
RULE          CHANGE
gateway-down  urgency: high → medium
ledger        correlate: {"by": ["service"], "within": "1h"} → {"by": [], "within": "1h"}
ledger        page: none → by-day
"""
        in shown.stdout
    )
    assert "moved from place" in shown.stdout
    assert PAGE[PAGE.index("From envelopes") :] in shown.stdout


def test_diff_without_a_history_compares_what_is_written(bare_shell, place):
    shown = bare_shell("rules", "diff", "rules", "quieter", "config.yaml", "--no-history", "--format", "markdown")
    assert (
        shown.stdout
        == """\
### quieter instead of rules: what is written differently

Something is written differently.

#### What is written differently

| RULE | CHANGE |
| --- | --- |
| gateway-down | urgency: `high` → `medium` |
| ledger | correlate: `{"by": ["service"], "within": "1h"}` → `{"by": [], "within": "1h"}` |
| ledger | page: none → `by-day` |
| ledger | moved from place 2 to 1 |
"""
    )
    (place / "ingestd.db").unlink()
    alone = bare_shell("rules", "diff", "rules", "rules", "--fail-on-change")
    assert alone.exit_code == 0
    assert "Nothing is written differently.\nThere is no " in alone.stdout
    assert bare_shell("rules", "diff", "rules", "quieter", "--fail-on-change").exit_code == 1
    told = json.loads(bare_shell("rules", "diff", "rules", "quieter", "-o", "json").stdout)
    assert told["funnel"] == {"before": None, "after": None}
    assert told["written"]["moved"] == [{"rule": "ledger", "before": 2, "after": 1}]


def test_what_no_stored_alert_met_is_still_a_change(bare_shell, place):
    (place / "quieter" / "10.yaml").write_text(RULES + "  - rule: never-yet\n    match: [alertname = Flood]\n")
    shown = bare_shell("rules", "diff", "rules", "quieter", "--fail-on-change")
    assert shown.exit_code == 1
    assert "Nothing would have changed; the rules are written differently." in shown.stdout
    assert "never-yet  added" in shown.stdout
