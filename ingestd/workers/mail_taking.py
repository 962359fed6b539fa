"""A mail that waits in the inbox, taken apart: its alerts go the way of every alert, and everything else that mail can be ends here.

Within the processor's transaction. Whatever a mail brings about is written together with its disposition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from ingestd.core import sources
from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.effects import Decision
from ingestd.core.mail import arrival, message, report
from ingestd.core.mail.author import author_of
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.mail_words import MailDisposition, MailReason
from ingestd.core.mail.proof import Proof, unproved_words
from ingestd.core.mail.reading import MailShape, read_letter
from ingestd.core.mail.reply_tokens import tokens_in
from ingestd.core.mail.report import ReportPlan
from ingestd.core.mail.sheet import Author
from ingestd.core.mail.sorting import MailWay, Sorted, sort
from ingestd.core.mail.source import MailSource
from ingestd.core.names import AlertStatus, Channel, IncidentId
from ingestd.core.reporter import AttachmentRef
from ingestd.core.safe_text import one_line, plain_block
from ingestd.store import bounces, inbox, mail_filing, mails, outbox, replies
from ingestd.store.inbox import Envelope
from ingestd.store.links import PageLink
from ingestd.store.reply_taking import Heard, ReplyResult, Taken, take_mail
from ingestd.workers.current import Standing

QUARANTINED: Final = "quarantined"
REPLY_CHARS_MAX: Final = 4000
"""Of an answer to a page; what stands behind is not looked at."""
_PERSON_WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class MailTaken:
    """A mail of which nothing is to be decided any more: its disposition, why, and what was written for it."""

    disposition: str
    reason: str
    detail: str = ""
    decisions: tuple[Decision, ...] = ()
    connector: str = ""
    """Of the page that it answers."""
    reply: Taken | None = None

    @property
    def is_put_aside(self) -> bool:
        """Whether it is kept for somebody to look at."""
        return self.disposition == QUARANTINED


@dataclass(frozen=True, slots=True)
class OpenedMail:
    """A mail as it was read and sorted; nothing was asked of the database but whether somebody let it through."""

    envelope: Envelope
    how: arrival.Arrival
    letter: Letter
    source: MailSource
    sorted: Sorted

    @property
    def needs_what_came_before(self) -> bool:
        """Whether it may speak of what an earlier mail brings about, which must be decided first."""
        if self.sorted.way is MailWay.ENDED:
            return False
        return self.sorted.way is not MailWay.CONTENT or bool(
            self.letter.references or report.numbers_in(self.letter.subject)
        )


def opened(connection: Connection, envelope: Envelope, standing: Standing) -> OpenedMail | Unreadable:
    """Read and sort the mail of an envelope."""
    source = standing.ways_of(envelope.source).mail
    parts = arrival.parted(envelope.body)
    if source is None or parts is None:
        text = (
            "the source takes no mail any more"
            if source is None
            else "this was not stored by one of the doors for mail"
        )
        return Unreadable(MailReason.MALFORMED, text)
    how, raw = parts
    letter = message.read(raw, source.limits)
    is_released = inbox.is_released(connection, envelope.id)
    return OpenedMail(envelope, how, letter, source, sort(letter, how, source.trust, is_released=is_released))


def take(connection: Connection, mail: OpenedMail, standing: Standing, now: datetime) -> ParsedEnvelope | MailTaken:
    """The mail's alerts, or what became of it. The same again if it is asked again before the commit."""
    found = mail.sorted
    if found.way is MailWay.ENDED:
        assert found.disposition is not None, "what has ended has a disposition"
        return MailTaken(found.disposition, found.reason or "", found.detail)
    if found.bounce is not None:
        return _bounce(connection, mail, standing, now)
    answered = _reply(connection, mail, standing, now) if found.way is MailWay.REPLY else None
    if answered is None and tokens_in(mail.letter.references) and found.proof is not Proof.BY_HAND:
        return _aside(MailReason.PAGE_TOO_OLD, "it answers a page that is too old, or that another ingestd sent")
    return answered or _with_files(_content(connection, mail, standing, now), mail)


def _with_files(taken: ParsedEnvelope | MailTaken, mail: OpenedMail) -> ParsedEnvelope | MailTaken:
    """The files of the mail belong to the first of its alerts that fires: of one mail, each goes to one ticket once."""
    files = _files_of(mail)
    if not files or not isinstance(taken, ParsedEnvelope):
        return taken
    position = next((n for n, one in enumerate(taken.alerts) if one.status is AlertStatus.FIRING), None)
    if position is None:
        return taken
    alerts = list(taken.alerts)
    alerts[position] = replace(alerts[position], attachments=files)
    return replace(taken, alerts=tuple(alerts))


def _files_of(mail: OpenedMail) -> tuple[AttachmentRef, ...]:
    return tuple(
        AttachmentRef(mail.envelope.id, one.index, one.name, one.content_type, one.size_bytes)
        for one in mail.letter.attachments
        if one.is_kept
    )


def _bounce(connection: Connection, mail: OpenedMail, standing: Standing, now: datetime) -> MailTaken:
    bounce = mail.sorted.bounce
    assert bounce is not None, "it was sorted as one"
    taken = bounces.take(connection, bounce, standing.policy, now)
    about = f"{taken.delivery.key}: " if taken.delivery else ""
    decisions = (taken.decision,) if taken.decision else ()
    return MailTaken(
        MailDisposition.BOUNCE, taken.reason, one_line(f"{about}{bounces.words_of(bounce.worst)}", 400), decisions
    )


# ---------------------------------------------------------------------------------------------- answers to pages


def _reply(connection: Connection, mail: OpenedMail, standing: Standing, now: datetime) -> MailTaken | None:
    """What became of an answer to a page; None if no page is known by its tokens any more."""
    bound = _bound(connection, mail, now)
    if bound is None:
        return None
    letter = mail.letter
    if mail.sorted.proof is None:
        text = f"it answers a page of {bound.incident_id}, and {unproved_words(letter, mail.how, mail.source.trust)}"
        return _aside(MailReason.UNAUTHENTICATED, text)
    delivery = outbox.load(connection, bound.delivery_key)
    channels = standing.policy.channel_connectors
    connector = delivery.connector if delivery else channels.get(Channel.EMAIL, "")
    text = plain_block(letter.own_text, REPLY_CHARS_MAX)
    heard = Heard(connector, Channel.EMAIL, letter.digest, letter.sender, text, tokens=mail.sorted.tokens)
    taken = take_mail(connection, heard, standing.policy, now)
    if taken.result is ReplyResult.UNBOUND:
        return None
    if taken.result is ReplyResult.FOREIGN_SENDER:
        text = f"it answers a page of {bound.incident_id} to {bound.person}, whose address {letter.sender} is not"
        return _aside(MailReason.NOT_WHO_WAS_PAGED, text)
    if taken.result is ReplyResult.REPEATED:
        return MailTaken(
            MailDisposition.COPY, MailReason.SAME_MAIL, f"an answer of {bound.person} that was taken before"
        )
    act = f": {taken.act}" if taken.act else ""
    detail = f"{bound.person} of {', '.join(taken.incidents) or bound.incident_id}{act}"
    return MailTaken(MailDisposition.ANSWERED, taken.result, detail, taken.decisions, connector, taken)


def _bound(connection: Connection, mail: OpenedMail, now: datetime) -> PageLink | None:
    return next((link for token in mail.sorted.tokens if (link := replies.bound_to(connection, token, now))), None)


# ---------------------------------------------------------------------------------------------- what it says


def _content(connection: Connection, mail: OpenedMail, standing: Standing, now: datetime) -> ParsedEnvelope | MailTaken:
    refusal = mail.sorted.refusal
    if refusal is not None:
        return _aside(refusal.reason, refusal.detail)
    copy = _copy_of(connection, mail)
    if copy is not None:
        return copy
    found = _read(connection, mail, standing, now)
    if not (isinstance(found, MailTaken) and found.is_put_aside):
        # What is put aside is not known: the same mail may come by another door with proof.
        _remember(connection, mail)
    return found


def _read(connection: Connection, mail: OpenedMail, standing: Standing, now: datetime) -> ParsedEnvelope | MailTaken:
    envelope, letter = mail.envelope, mail.letter
    limits, ways = standing.limits_of(envelope.source), standing.ways_of(envelope.source)
    reading = read_letter(envelope.source, mail.how, letter, limits, mail.source)
    parsed = sources.with_expiry(reading.envelope, ways, envelope.received_at)
    is_report = reading.shape is MailShape.REPORT
    if mail.sorted.proof is None:
        if not is_report:
            return _without_recovery(mail, parsed)
        text = f"a person's report needs proof: {unproved_words(letter, mail.how, mail.source.trust)}"
        return _aside(MailReason.UNPROVED_REPORT, text)
    is_by_person = is_report or author_of(letter, takes_reports=True) is Author.PERSON
    # A person who answers a machine's mail quotes its subject, by which a profile knows it. Machines write no "Re:".
    is_quoted = is_by_person and report.own_subject(letter.subject) != letter.subject
    if not is_by_person or (reading.shape is MailShape.PROFILE and not is_quoted):
        return parsed
    return _personal(connection, mail, parsed, standing, now, is_report=is_report)


def _personal(
    connection: Connection,
    mail: OpenedMail,
    parsed: ParsedEnvelope,
    standing: Standing,
    now: datetime,
    *,
    is_report: bool,
) -> ParsedEnvelope | MailTaken:
    """What a person wrote: a note if it continues a thread, else what it was read as."""
    envelope, letter = mail.envelope, mail.letter
    incident = mails.thread_of(connection, letter, envelope.source)
    if (is_report or incident is not None) and (crowd := _too_many(connection, mail)) is not None:
        return crowd
    if incident is None:
        return parsed
    if mails.is_note(incident, letter, mail.source.reports or ReportPlan()):
        decision = mails.note_of(connection, letter, incident, standing.policy, now, _files_of(mail))
        _remember(connection, mail)
        mail_filing.belongs(connection, envelope.source, envelope.id, incident.id)
        return MailTaken(MailDisposition.NOTED, MailReason.THREAD, f"on the timeline of {incident.id}", (decision,))
    if not is_report:
        return parsed
    return replace(parsed, alerts=tuple(report.following(alert, incident.id) for alert in parsed.alerts))


def _copy_of(connection: Connection, mail: OpenedMail) -> MailTaken | None:
    """Whether another envelope brought the same mail. One without Message-ID or Date may be news in the same words, so it never is."""
    letter = mail.letter
    if not (letter.message_id and letter.first("date")):
        return None
    known = mails.known(connection, mail.envelope.source, letter.digest)
    if known is None or known.envelope_id == mail.envelope.id:
        return None
    return MailTaken(MailDisposition.COPY, MailReason.SAME_MAIL, f"it came before, as {known.envelope_id}")


def _remember(connection: Connection, mail: OpenedMail) -> None:
    """Keep which mail it was, so that copies are known and later mail finds its incident."""
    letter, envelope = mail.letter, mail.envelope
    row = mails.KnownMail(
        source=envelope.source,
        digest=letter.digest,
        envelope_id=envelope.id,
        incident_id=IncidentId(""),
        sender=letter.sender,
        message_id=letter.message_id,
        received_at=envelope.received_at,
    )
    mails.remember(connection, row)


def _too_many(connection: Connection, mail: OpenedMail) -> MailTaken | None:
    """A person, or a program that poses as one, writes more than is read."""
    most = mail.source.trust.reports_per_hour
    since = mail.envelope.received_at - _PERSON_WINDOW
    if mail_filing.count_from(connection, mail.letter.sender, since, mail.envelope.id) < most:
        return None
    text = f"{mail.letter.sender} sent more than {most} mails within an hour (email.reports_per_hour)"
    return _aside(MailReason.TOO_MANY_FROM_SENDER, text)


def _without_recovery(mail: OpenedMail, parsed: ParsedEnvelope) -> ParsedEnvelope | MailTaken:
    """What mail without proof may bring: that something is over only if the source says so."""
    firing = tuple(alert for alert in parsed.alerts if alert.status is AlertStatus.FIRING)
    if mail.source.trust.resolves_unproved or len(firing) == len(parsed.alerts):
        return parsed
    over = next(alert for alert in parsed.alerts if alert.status is not AlertStatus.FIRING)
    detail = _unproved_recovery(over)
    if not firing:
        return _aside(MailReason.UNPROVED_RECOVERY, detail)
    refused = (*parsed.refused, Unreadable(MailReason.UNPROVED_RECOVERY, detail))
    return replace(parsed, alerts=firing, refused=refused)


def _unproved_recovery(alert: Alert) -> str:
    return (
        f"it says that “{one_line(alert.summary, 100)}” is over, and nothing shows who wrote it: with email.auth: none that ends"
        " nothing, unless the source has email.recovery_without_proof: true"
    )


def _aside(reason: MailReason, detail: str) -> MailTaken:
    return MailTaken(QUARANTINED, reason, one_line(detail, 400))
