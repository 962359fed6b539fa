"""What ``doctor`` learns from the daemon: that it answers, that its parts stand, and when something last came in and went out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from ingestd.cli.api import Api
from ingestd.cli.doctor_local import OK, RED, WARN, Check
from ingestd.cli.failures import Failure
from ingestd.cli.moments import Moments

Json = Mapping[str, Any]

SKEW_WARN_SECONDS: Final = 5.0
SKEW_RED_SECONDS: Final = 60.0
WAITING_WARN: Final = 100


@dataclass(frozen=True, slots=True)
class OnDisk:
    """The configuration that was read here, and the version of its rules."""

    path: Path
    rules_version: str


def check_ready(api: Api, now: datetime) -> Iterator[Check]:
    """Whether the daemon answers and is ready, and whether its clock is ours. Needs no token."""
    try:
        status, text, date = api.probe("/-/ready")
    except Failure as failure:
        yield Check(RED, "daemon", failure.message, failure.hint)
        return
    lines = text.strip().splitlines()
    if status == 200:
        yield Check(OK, "daemon", f"ready at {api.url}")
    elif lines and lines[0].startswith("not ready"):
        for line in lines:
            yield Check(RED, "daemon", line)
    else:
        yield Check(RED, "daemon", f"what answers at {api.url} is not ingestd (status {status})", "see --url")
        return
    yield from _check_skew(date, now)


def _check_skew(date: str, now: datetime) -> Iterator[Check]:
    try:
        theirs = parsedate_to_datetime(date).replace(tzinfo=UTC)
    except (ValueError, TypeError):
        return
    seconds = (theirs - now).total_seconds()
    mark = OK if abs(seconds) < SKEW_WARN_SECONDS else WARN if abs(seconds) < SKEW_RED_SECONDS else RED
    agree = (
        "the daemon and this machine agree" if mark == OK else f"the daemon's is {seconds:+.0f} s from this machine's"
    )
    yield Check(mark, "clock", agree, "" if mark == OK else "keep both by NTP: times in pages and tickets come from it")


def check_status(api: Api, moments: Moments, on_disk: OnDisk | None = None) -> Iterator[Check]:
    """The daemon's rules, its connectors, its queues, and the last things that came in and went out."""
    try:
        status = api.get("/api/v1/status", holds="outbox")
        yield Check(OK, "running", f"{status.get('version')}, started {moments.both(status.get('started_at'))}")
        yield from _check_reload(status, moments, on_disk)
        yield from _check_connectors(status)
        yield from _check_calendars(status, moments)
        yield from _check_audit(status, moments)
        yield from _check_queues(status)
        yield from _check_sources(api, status.get("sources") or {}, moments)
        yield _check_last_page(api, moments)
    except Failure as failure:
        yield Check(RED, "daemon", failure.message, failure.hint)


def _check_reload(status: Json, moments: Moments, on_disk: OnDisk | None) -> Iterator[Check]:
    is_same_file = on_disk and status.get("config_file") in {str(on_disk.path), str(on_disk.path.absolute())}
    refused, failing = status.get("refused"), status.get("rule_tests_failing") or []
    if refused:
        since, force = moments.both(refused.get("at")), moments.both(status.get("in_force_at"))
        text = f"what is on disk is refused since {since} ({refused.get('problem_count')} x {refused.get('reason')})"
        yield Check(WARN, "reload", f"{text}; in force is what was there {force}", "ingestd reload says why")
    elif on_disk and is_same_file and (status.get("rules") or {}).get("version") != on_disk.rules_version:
        yield Check(WARN, "reload", "the rules on disk have changed and are not in force", "ingestd reload")
    elif failing:
        text = f"rules are in force that fail {len(failing)} of their tests; the first: {failing[0]}"
        yield Check(WARN, "rule tests", text, "ingestd test rules")


def _check_connectors(status: Json) -> Iterator[Check]:
    for name, connector in (status.get("connectors") or {}).items():
        if connector.get("is_stopped"):
            hint = "its deliveries wait and nothing is lost; mend the account, then reload"
            yield Check(RED, name, "stopped: the service rejected our credentials", hint)


def _check_calendars(status: Json, moments: Moments) -> Iterator[Check]:
    for one in status.get("calendars") or []:
        topic, left_out = f"calendar {one.get('schedule')}", one.get("left_out") or []
        if one.get("problem"):
            read = f"what was read {moments.both(one['read_at'])} holds" if one.get("read_at") else "it was never read"
            yield Check(WARN, topic, f"not read since {moments.both(one.get('failing_since'))}; {read}", one["problem"])
        elif left_out:
            first = left_out[0]
            text = f"{one.get('left_out_count')} of its events are left out: {first.get('on')}: {first.get('text')}"
            yield Check(WARN, topic, text, f"UID {first.get('uid')}; all of them: ingestd oncall import FILE.ics")
        else:
            yield Check(OK, topic, f"{one.get('event_count')} events, read {moments.both(one.get('read_at'))}")


def _check_audit(status: Json, moments: Moments) -> Iterator[Check]:
    """What the daemon's auditor found, whether the watcher outside hears of it, and which sources are silent."""
    audit = status.get("audit")
    if not isinstance(audit, Mapping):
        return
    at = moments.both(audit.get("at"))
    for text in audit.get("broken") or []:
        yield Check(RED, "audit", str(text), "a promise of ingestd does not hold: see the daemon's log, and report it")
    for text in audit.get("unanswered") or []:
        yield Check(RED, "audit", str(text), "acknowledge it, and ask why nobody did:  ingestd explain INC-...")
    if audit.get("result") == "passed":
        yield Check(OK, "audit", f"every promise holds, {at}")
    elif audit.get("result") == "not yet":
        yield Check(WARN, "audit", "nothing has been audited yet", "it is once a minute")
    if audit.get("heartbeat_problem"):
        yield Check(WARN, "heartbeat", str(audit["heartbeat_problem"]), "the watcher outside hears nothing of us")
    elif audit.get("heartbeat_at"):
        yield Check(OK, "heartbeat", f"the watcher heard of us {moments.both(audit['heartbeat_at'])}")
    for source in status.get("silent_sources") or []:
        hint = "look at the monitoring system, its Alertmanager, and the way here"
        yield Check(RED, f"from {source}", "its watchdog is missing: nobody would tell us of a problem", hint)


def _check_queues(status: Json) -> Iterator[Check]:
    waiting = status.get("inbox_waiting") or 0
    if waiting > WAITING_WARN:
        yield Check(WARN, "inbox", f"{waiting} envelopes wait for a decision", "if it does not shrink, see the log")
    counts: dict[str, int] = {}
    for row in status["outbox"]:
        state = str(row.get("state"))
        counts[state] = counts.get(state, 0) + int(row.get("count") or 0)
    open_count = sum(counts.get(state, 0) for state in ("waiting", "leased"))
    parked, uncertain = counts.get("parked", 0), counts.get("uncertain", 0)
    text = f"{open_count} waiting, {uncertain} uncertain, {parked} given up"
    hint = "ingestd outbox list --state parked" if parked else ""
    yield Check(WARN if parked else OK, "outbox", text, hint)


def _check_sources(api: Api, sources: Iterable[str], moments: Moments) -> Iterator[Check]:
    for source in sources:
        found = api.get("/api/v1/envelopes", state="all", source=source, limit=1).get("envelopes") or []
        if found:
            yield Check(OK, f"from {source}", f"last webhook {moments.both(found[0].get('received_at'))}")
        else:
            yield Check(
                WARN, f"from {source}", "never a webhook", "is the sender's URL /api/v1/webhooks/" + source + "?"
            )


def _check_last_page(api: Api, moments: Moments) -> Check:
    found = api.get("/api/v1/outbox", state="done", limit=500).get("deliveries") or []
    page = next((one for one in found if one.get("kind") == "page"), None)
    if page is None:
        return Check(WARN, "last page", "no page has gone out yet", "try: ingestd page test PERSON")
    return Check(
        OK, "last page", f"{page.get('person')} by {page.get('channel')}, {moments.both(page.get('settled_at'))}"
    )
