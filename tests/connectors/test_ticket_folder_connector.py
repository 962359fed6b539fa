"""The ticket folder's own promises: whole writes, kept human text, names, disk errors, Markdown that shows foreign text literally."""

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from connectors.ticket_folder import factory, wire
from connectors.ticket_folder.folder import MAX_FILE_BYTES, TicketFolder
from connectors.ticket_folder.markdown import code, link, one_line, paragraph, prose
from ingestd.core.names import EffectKey, IncidentId, IncidentState, Level, Severity
from ingestd.errors import CredentialsRejected, RequestRejected, TryLater
from ingestd.ports import (
    AlertView,
    ConnectorTools,
    IncidentView,
    TicketDraft,
    TicketNote,
    TicketRef,
    TicketSystem,
    TimelineLine,
)

OPENED_AT = datetime(2026, 1, 5, 3, 12, tzinfo=UTC)
KEY = EffectKey("INC-1042/folder/ticket-open/1")
NOTE_KEY = EffectKey("INC-1042/folder/ticket-comment/1")

DISK_FULL = AlertView(
    name="DiskFull",
    summary="/var on db1 is 97% full",
    is_firing=True,
    labels={"alertname": "DiskFull", "instance": "db1:9100"},
    annotations={"description": "free some space"},
    links={"generator": "http://prometheus.example/graph?g0.expr=a%3Cb"},
    source="alertmanager",
    first_seen_at=OPENED_AT,
    value="97",
)
INCIDENT = IncidentView(
    id=IncidentId("INC-1042"),
    title="Disk of db1 is full",
    summary="Two disks are affected.\nBackups will fail.",
    state=IncidentState.TRIGGERED,
    severity=Severity.HIGH,
    impact=Level.HIGH,
    urgency=Level.MEDIUM,
    category="storage",
    team="databases",
    rule="disk-full",
    opened_at=OPENED_AT,
    alerts=(DISK_FULL,),
    firing_count=1,
    alert_count=1,
    runbook="https://wiki.example/disk-full",
    url="https://ingestd.example/incidents/INC-1042",
)


def note(*texts: str) -> TicketNote:
    lines = tuple(
        TimelineLine(number, OPENED_AT + timedelta(minutes=number), text) for number, text in enumerate(texts, 1)
    )
    return TicketNote(INCIDENT, lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tickets"


@pytest.fixture
def tickets(folder: Path) -> TicketSystem:
    # It is given no network: using one would fail.
    tools = ConnectorTools(http=None, mail=None)  # type: ignore[arg-type] # nothing on purpose
    system = factory.build("folder", factory.settings_type(path=folder), tools)
    assert isinstance(system, TicketSystem)
    return system


async def opened(tickets: TicketSystem) -> TicketRef:
    return await tickets.open_ticket(TicketDraft(INCIDENT, {}), KEY)


def front_matter(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


async def test_a_new_ticket_tells_the_whole_picture(tickets, folder):
    ref = await opened(tickets)

    assert (ref.id, ref.label) == ("INC-1042.md", "INC-1042")
    assert ref.url == (folder / "INC-1042.md").as_uri()
    text = (folder / "INC-1042.md").read_text()
    assert front_matter(text) == {
        "incident": "INC-1042",
        "title": "Disk of db1 is full",
        "status": "open",
        "priority": "high",
        "severity": "high",
        "impact": "high",
        "urgency": "medium",
        "category": "storage",
        "team": "databases",
        "rule": "disk-full",
        "opened_at": "2026-01-05T03:12:00Z",
        "effect_key": KEY,
    }
    for fact in (
        "# INC-1042: Disk of db1 is full",
        "Two disks are affected.",
        "- **Severity:** high (impact high, urgency medium)",
        "- **Since:** 2026-01-05 03:12 UTC",
        "- **Team:** databases",
        "- **Runbook:** <https://wiki.example/disk-full>",
        "## Alerts: 1 firing of 1",
        "### 1. DiskFull (firing)",
        "- `instance`: `db1:9100`",
        "- value: `97`",
        "<http://prometheus.example/graph?g0.expr=a%3Cb>",
    ):
        assert fact in text


async def test_opening_again_with_the_same_key_returns_the_same_ticket(tickets, folder):
    first = await opened(tickets)

    assert await opened(tickets) == first
    assert [path.name for path in folder.iterdir()] == ["INC-1042.md"]


async def test_a_file_that_belongs_to_another_key_is_never_overwritten(tickets, folder):
    folder.mkdir()
    (folder / "INC-1042.md").write_text("somebody's notes from the last installation\n")

    ref = await opened(tickets)

    assert ref.id == "INC-1042-2.md"
    assert (folder / "INC-1042.md").read_text() == "somebody's notes from the last installation\n"
    assert await tickets.find_ticket(KEY, INCIDENT, {}) == ref


async def test_a_ticket_of_a_longer_number_is_not_mistaken_for_this_one(tickets, folder):
    other = dataclasses.replace(INCIDENT, id=IncidentId("INC-10421"))
    await tickets.open_ticket(TicketDraft(other, {}), KEY)

    assert await tickets.find_ticket(KEY, INCIDENT, {}) is None


async def test_what_a_person_wrote_is_kept_byte_for_byte(tickets, folder):
    ref = await opened(tickets)
    path = folder / ref.id
    by_hand = path.read_bytes().replace(b"status: open", b"status: waiting   # for the vendor\r\nassignee: ada")
    by_hand += b"\r\nCalled the vendor, \xe9t\xe9.\r\n"
    path.write_bytes(by_hand)

    await tickets.set_priority(ref, dataclasses.replace(INCIDENT, severity=Severity.CRITICAL), {})
    await tickets.comment(ref, note("db2 joined"), NOTE_KEY)

    remote = await tickets.read(ref)
    assert remote is not None
    assert (remote.status, remote.assignee, remote.is_done) == ("waiting", "ada", False)
    text = path.read_bytes()
    assert b"priority: critical\nseverity: high" in text
    before_comment, after_comment = text.split(b"\n\n## 2026-01-05 03:13 UTC\n")
    assert before_comment.replace(b"priority: critical", b"priority: high") == by_hand.rstrip()
    assert b"db2 joined" in after_comment

    await tickets.resolve(ref, note("all clear"), EffectKey("k"), {})
    assert b"status: resolved   # for the vendor\r\n" in path.read_bytes()


async def test_a_ticket_whose_front_matter_was_removed_still_says_where_it_stands(tickets, folder):
    ref = await opened(tickets)
    (folder / ref.id).write_text("# my own text\n")

    await tickets.resolve(ref, note("all clear"), NOTE_KEY, {})

    remote = await tickets.read(ref)
    assert remote is not None
    assert remote.is_done
    assert "# my own text" in (folder / ref.id).read_text()


async def test_comments_are_dated_sections_with_a_marker_and_come_once(tickets, folder):
    ref = await opened(tickets)

    await tickets.comment(ref, note("db2 joined", "db2 cleared"), NOTE_KEY)
    await tickets.comment(ref, note("db2 joined", "db2 cleared"), NOTE_KEY)

    text = (folder / ref.id).read_text()
    assert text.count("## 2026-01-05 03:14 UTC\n<!-- ingestd: INC-1042/folder/ticket-comment/1 -->\n") == 1
    assert text.count("- 2026-01-05 03:13 UTC: db2 joined\n- 2026-01-05 03:14 UTC: db2 cleared\n") == 1


async def test_alert_text_cannot_forge_a_marker(tickets):
    ref = await opened(tickets)
    forged = f"x\n<!-- ingestd: {NOTE_KEY} -->\ny"

    await tickets.comment(ref, note(forged), EffectKey("other"))
    hostile = dataclasses.replace(
        INCIDENT, summary=forged, alerts=(dataclasses.replace(DISK_FULL, labels={forged: forged}),)
    )
    other = await tickets.open_ticket(TicketDraft(hostile, {}), EffectKey("another"))

    assert not await tickets.find_comment(ref, NOTE_KEY)
    assert not await tickets.find_comment(other, NOTE_KEY)


async def test_a_write_that_meets_an_editor_is_put_off(folder):
    tickets = TicketFolder(folder)
    name = tickets.create("INC-1", "one\n").name
    file = tickets.read(name)
    (folder / name).write_text("a person was faster\n")

    with pytest.raises(TryLater, match="somebody is editing"):
        tickets.replace(file, "two\n")

    assert (folder / name).read_text() == "a person was faster\n"


async def test_no_temporary_file_stays_behind_when_the_disk_is_full(folder, monkeypatch):
    tickets = TicketFolder(folder)
    file = tickets.read(tickets.create("INC-1", "one\n").name)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TryLater, match="No space left on device"):
        tickets.replace(file, "two\n")

    assert [path.name for path in folder.iterdir()] == ["INC-1.md"]
    assert (folder / "INC-1.md").read_text() == "one\n"


async def test_a_path_that_is_a_file_is_said_by_check_and_puts_the_ticket_off(tickets, folder):
    folder.write_text("not a folder")

    with pytest.raises(CredentialsRejected, match="is not a folder"):
        await tickets.check()
    with pytest.raises(TryLater, match="File exists"):
        await opened(tickets)


async def test_check_changes_nothing(tickets, folder):
    assert str(folder) in await tickets.check()
    assert not folder.exists()


async def test_a_reference_never_leads_out_of_the_folder(tickets, folder):
    (folder.parent / "secret.md").write_text("x")

    assert await tickets.read(TicketRef("../secret.md", "", "")) is None


async def test_a_file_without_bound_is_refused_with_what_to_do(tickets, folder):
    ref = await opened(tickets)
    with (folder / ref.id).open("ab") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(RequestRejected, match="has grown") as refusal:
        await tickets.comment(ref, note("more"), NOTE_KEY)
    assert not refusal.value.is_gone
    assert refusal.value.hint


@pytest.mark.parametrize(
    "url", ["javascript://x/%0aalert(1)", "ftp://x/y", "https:", "https://[x", "", "https://x/" + "y" * 2000]
)
def test_only_web_addresses_of_sane_length_become_links(url):
    assert link(url).startswith("`")


@given(st.text(max_size=300) | st.text("<>!-`*_[]()#&|~\\ \n\ta1.:/='\"", max_size=200))
@example("<!-- x\n<div\n<script")
def test_foreign_text_as_markdown_shows_itself_and_nothing_else(text):
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    harmless = {"paragraph_open", "paragraph_close", "inline", "text", "softbreak", "code_inline", "text_special"}
    item = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}

    def kinds(markdown):
        return {token.type for block in parser.parse(markdown) for token in (block, *(block.children or ()))}

    assert kinds("At: " + prose(text, 1000)) <= harmless
    assert kinds("- " + code(text, 1000)) <= harmless | item
    assert kinds("- " + link(text)) <= harmless | item
    assert kinds(paragraph(text, 1000)) <= harmless
    (heading,) = [block for block in parser.parse("# At: " + prose(text, 1000)) if block.type == "inline"]
    assert "".join(token.content for token in heading.children) == f"At: {one_line(text, 1000)}".strip()


@given(st.text(max_size=300) | st.text("-'\"\\:#{}[],&*!|>%@` \n\tnoNo0", max_size=40))
def test_any_text_is_a_yaml_string_in_the_front_matter(text):
    incident = dataclasses.replace(INCIDENT, title=text, team=text, rule=text)

    fields = front_matter(wire.new_ticket(incident, KEY))

    assert isinstance(fields["title"], str)
    assert fields["status"] == "open"
    assert wire.is_opened_by(wire.new_ticket(incident, KEY), KEY)


async def test_what_an_alert_says_of_itself_stands_in_the_ticket_once(tickets, folder):
    annotations = {"summary": DISK_FULL.summary, "description": INCIDENT.summary, "owner": "ada"}
    said = dataclasses.replace(DISK_FULL, annotations=annotations)
    await tickets.open_ticket(TicketDraft(dataclasses.replace(INCIDENT, alerts=(said,)), {}), KEY)
    text = (folder / "INC-1042.md").read_text()
    assert text.count("97% full") == 1
    assert text.count("Backups will fail.") == 1
    assert "- `owner`: `ada`" in text
