"""Which incident a later mail is about."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import Decision
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.report import ReportPlan, key_of
from ingestd.core.names import EffectKind, EnvelopeId, IncidentId, IncidentState
from ingestd.core.reporter import Reporter
from ingestd.store import apply, mails, outbox, timeline
from ingestd.store.mails import KnownMail
from ingestd.store.rows import row_of
from ingestd.store.schema import alerts
from ingestd.testing.builders import known
from ingestd.testing.world import policy
from tests.store.builders import NOW, after, delivery, incident, put

ID, OTHER = IncidentId("INC-1001"), IncidentId("INC-1002")
ANN = Reporter("ann@cust.example", reported_at=NOW)


def mail(digest: str = "d1", **changes: object) -> KnownMail:
    plain = {
        "source": "help",
        "digest": digest,
        "envelope_id": EnvelopeId("env_1"),
        "incident_id": IncidentId(""),
        "sender": "ann@cust.example",
        "message_id": f"<{digest}@cust.example>",
        "received_at": NOW,
    }
    return KnownMail(**{**plain, **changes})


def letter(*references: str, subject: str = "", sender: str = "ann@cust.example", text: str = "more") -> Letter:
    return Letter({}, references=references, subject=subject, sender=sender, own_text=text)


@pytest.fixture(autouse=True)
def two_incidents(connection: Connection) -> None:
    made = (incident(1001, reporters=(ANN,)), incident(1002, dedup_key="other"))
    apply.write(connection, Decision(incidents=made), NOW)


def found(connection: Connection, one: Letter, source: str = "help") -> str:
    thread = mails.thread_of(connection, one, source)
    return str(thread.id) if thread else ""


def test_a_mail_is_remembered_once(connection: Connection) -> None:
    assert mails.remember(connection, mail())
    assert not mails.remember(connection, mail(envelope_id=EnvelopeId("env_2")))
    assert mails.known(connection, "help", "d1") == mail()
    assert mails.known(connection, "other", "d1") is None


def test_what_refers_to_a_mail_is_about_its_incident(connection: Connection) -> None:
    mails.remember(connection, mail("d1", incident_id=ID))
    mails.remember(connection, mail("d2", incident_id=OTHER))
    assert found(connection, letter("<d1@cust.example>")) == ID
    assert found(connection, letter("<unknown@x>", "<d2@cust.example>", "<d1@cust.example>")) == OTHER
    assert found(connection, letter("<unknown@x>")) == ""
    assert found(connection, letter("<d1@cust.example>"), source="elsewhere") == ""


def test_what_refers_to_a_report_is_about_the_incident_that_it_has_come_to(connection: Connection) -> None:
    mails.remember(connection, mail("d1"))
    assert found(connection, letter("<d1@cust.example>")) == ""
    alert = known(key=key_of("help", "d1"), incident_id=OTHER)
    connection.execute(alerts.insert(), [row_of(alert)])
    assert found(connection, letter("<d1@cust.example>")) == OTHER


def test_what_refers_to_our_answer_is_about_its_incident(connection: Connection) -> None:
    answer = delivery("INC-1002/mail/answer/1", kind=EffectKind.ANSWER, address="ann@cust.example")
    page = delivery("INC-1001/mail/page/1", kind=EffectKind.PAGE)
    put(connection, answer, page)
    for one, receipt in ((answer, "<answer@ingestd>"), (page, "<page@ingestd>")):
        done = outbox.load(connection, one.key)
        assert done is not None
        outbox.save(connection, type(done)(**{**row_of(done), "receipt_id": receipt, "state": DeliveryState.DONE}))
    assert found(connection, letter("<answer@ingestd>")) == OTHER
    assert found(connection, letter("<page@ingestd>")) == "", "pages are answered by their tokens alone"


def test_a_number_counts_from_who_reported_it_alone(connection: Connection) -> None:
    assert found(connection, letter(subject="Re: x [INC-1001]")) == ID
    assert found(connection, letter(subject="Re: x [INC-1001]", sender="Ann@Cust.example")) == ID
    assert found(connection, letter(subject="Re: x [INC-1001]", sender="eve@cust.example")) == ""
    assert found(connection, letter(subject="Re: x [INC-1002]")) == ""
    assert found(connection, letter(subject="Re: x [INC-9999]")) == ""
    assert found(connection, letter(subject="[INC-1001]", sender="")) == ""


def test_a_mail_to_what_is_over_is_a_note_if_it_says_thanks(connection: Connection) -> None:
    plan = ReportPlan(thanks=("thanks",))
    resolved = incident(state=IncidentState.RESOLVED)
    assert mails.is_note(incident(), letter(text="still broken"), plan)
    assert mails.is_note(resolved, letter(text="Thanks!"), plan)
    assert not mails.is_note(resolved, letter(text="still broken"), plan)


def test_a_note_is_told_the_ticket_and_changes_nothing_else(connection: Connection) -> None:
    before = incident(1001, reporters=(ANN,), ticket_connector="tickets")
    decision = mails.note_of(connection, letter(text="more\n\nof it"), before, policy(), NOW)
    assert [effect.kind for effect in decision.effects] == [EffectKind.TICKET_COMMENT]
    (line,) = timeline.last(connection, ID, 9)
    assert (line.kind, line.reason, line.for_ticket) == ("note", "reporter", True)
    assert line.text == "note by ann@cust.example, from outside: more\n\nof it"


def test_old_mails_are_forgotten_a_few_at_a_time(connection: Connection) -> None:
    for number in range(5):
        mails.remember(connection, mail(f"d{number}", received_at=after(days=number)))
    assert mails.prune(connection, after(days=3), 2) == 2
    assert mails.prune(connection, after(days=3), 2) == 1
    assert mails.known(connection, "help", "d3") is not None
    assert mails.known(connection, "help", "d2") is None
