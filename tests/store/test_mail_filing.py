"""What is kept of mail besides threads, and mail that somebody lets through."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from ingestd.core.names import EnvelopeId, IncidentId
from ingestd.store import inbox, mail_filing, mails
from ingestd.store.mails import KnownMail
from tests.store.builders import NOW, after, envelope

ID = IncidentId("INC-1001")


def mail(number: int, sender: str = "ann@cust.example", **changes: object) -> KnownMail:
    plain = {
        "source": "help",
        "digest": f"d{number}",
        "envelope_id": EnvelopeId(f"env_{number}"),
        "incident_id": IncidentId(""),
        "sender": sender,
        "message_id": f"<{number}@cust.example>",
        "received_at": after(minutes=number),
    }
    return KnownMail(**{**plain, **changes})


def test_a_mail_belongs_to_what_it_brought_about_and_no_other_does(connection: Connection) -> None:
    mails.remember(connection, mail(1))
    mails.remember(connection, mail(2))
    mail_filing.belongs(connection, "help", EnvelopeId("env_1"), ID)
    found = [mails.known(connection, "help", digest) for digest in ("d1", "d2")]
    assert [one.incident_id for one in found if one] == [ID, ""]


@pytest.mark.parametrize(("since", "besides", "count"), [(0, 9, 3), (2, 9, 2), (0, 3, 2), (4, 9, 0)])
def test_what_somebody_wrote_lately_is_counted_whatever_source_it_went_to(
    connection: Connection, since: int, besides: int, count: int
) -> None:
    for one in (mail(1), mail(2, source="desk"), mail(3), mail(3, sender="bob@cust.example", digest="b")):
        mails.remember(connection, one)
    counted = mail_filing.count_from(connection, "ann@cust.example", after(minutes=since), EnvelopeId(f"env_{besides}"))
    assert counted == count


def test_only_what_was_put_aside_can_be_let_through_and_that_holds_until_it_is_decided(connection: Connection) -> None:
    one = envelope(1, kind="email")
    inbox.add(connection, [one])
    assert not inbox.release(connection, one.id)
    assert not inbox.is_released(connection, one.id)
    inbox.quarantine(connection, one.id, reason="unauthenticated", detail="", now=NOW)
    assert inbox.release(connection, one.id)
    assert inbox.is_released(connection, one.id)
    assert [waiting.id for waiting in inbox.oldest_waiting(connection, 9)] == [one.id]
    inbox.quarantine(connection, one.id, reason="not_who_was_paged", detail="", now=NOW)
    assert not inbox.is_released(connection, one.id)
    inbox.retry(connection, one.id)
    assert not inbox.is_released(connection, one.id)


def put_aside(connection: Connection, count: int, *, size: int = 10, reason: str = "unauthenticated") -> None:
    rows = [envelope(n, kind="email", body=b"x" * size, received_at=after(minutes=n)) for n in range(count)]
    inbox.add(connection, rows)
    for one in rows:
        inbox.quarantine(connection, one.id, reason=reason, detail="", now=NOW)


def left(connection: Connection) -> list[str]:
    found = inbox.reports(connection, state=inbox.QUARANTINED, source=None, limit=99)
    return [report.id[-2:] for report in found][::-1]


def test_what_was_put_aside_is_forgotten_after_a_while_the_oldest_first(connection: Connection) -> None:
    put_aside(connection, 5)
    assert mail_filing.prune_put_aside(connection, after(minutes=3), 2) == 2
    assert left(connection) == ["02", "03", "04"]
    assert mail_filing.prune_put_aside(connection, after(minutes=3), 2) == 1
    assert mail_filing.prune_put_aside(connection, after(minutes=3), 2) == 0
    assert left(connection) == ["03", "04"]


def test_of_what_strangers_send_only_so_much_is_kept(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    put_aside(connection, 6)
    monkeypatch.setattr(mail_filing, "PUT_ASIDE_MAX", 4)
    assert mail_filing.prune_put_aside(connection, NOW, 9) == 2
    monkeypatch.setattr(mail_filing, "PUT_ASIDE_BYTES_MAX", 25)
    assert mail_filing.prune_put_aside(connection, NOW, 9) == 2
    assert left(connection) == ["04", "05"]


def test_what_is_a_fault_of_ours_or_of_the_configuration_is_kept(connection: Connection) -> None:
    put_aside(connection, 2, reason="internal_error")
    assert mail_filing.prune_put_aside(connection, after(days=99), 9) == 0
