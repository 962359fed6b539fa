"""How the mail of a person becomes a report: impact and urgency from its words, its sender and the service that it names.

Pure. What somebody writes is a hint and never more: the rules decide what comes of a report, and people what comes of an incident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ingestd.core.alert import Alert
from ingestd.core.fingerprint import alert_key
from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.automatic import AutomaticKind, kind_of
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.likeness import bare_subject
from ingestd.core.mail.report_words import AnswerTexts, first_place, spoken
from ingestd.core.names import AlertKey, AlertStatus, IncidentId, Level
from ingestd.core.reporter import Reporter
from ingestd.core.safe_text import cut, one_line, plain_block

if TYPE_CHECKING:  # the package of the readers imports this
    from ingestd.core.sources.limits import ReadLimits

REPORT_RULE: Final = "UserReport"
"""The label ``alertname`` of a report, and what rules know it by as ``alert.rule``."""

_WORDS_READ_CHARS: Final = 20_000
"""So much of a report is searched for words: nobody says what is broken after ten pages."""
_NAME_CHARS: Final = 200
_ID_CHARS: Final = 400
_NUMBER: Final = re.compile(r"\s*\[INC-(\d{1,12})\]", re.IGNORECASE)
_THANKS_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class NamedSender:
    """Senders whose reports weigh at least so much: an address, or ``@example.com`` for everybody of a domain. In lower case."""

    senders: tuple[str, ...]
    impact: Level | None = None
    urgency: Level | None = None

    def means(self, address: str) -> bool:
        """Whether the address is one of them."""
        return address in self.senders or f"@{address.rpartition('@')[2]}" in self.senders


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """What a source makes of reports by people. Words stand as ``report_words.spoken`` makes them."""

    connector: str = ""
    """The email pager that answers; empty if nobody is answered."""
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By service: the words that mean it."""
    impact_words: Mapping[Level, tuple[str, ...]] = field(default_factory=dict)
    urgency_words: Mapping[Level, tuple[str, ...]] = field(default_factory=dict)
    impact: Level | None = None
    """Where no word says more; None leaves it to the rule, or to what the catalogue says of the service."""
    urgency: Level | None = None
    named: tuple[NamedSender, ...] = ()
    thanks: tuple[str, ...] = ()
    """What a mail says that needs nothing any more."""
    texts: AnswerTexts = field(default_factory=AnswerTexts)
    recipients: tuple[str, ...] = ()
    """Where reports arrive, in lower case: what is answered comes back there."""
    separator: str = "+"
    reply_to: str = ""
    """Where answers to our answers go, if not to the address that the report came to."""


@dataclass(frozen=True, slots=True)
class ReportWords:
    """What somebody says, from wherever it came. ``recipients`` are those that it was sent to."""

    sender: str
    sender_name: str
    subject: str
    text: str
    recipients: tuple[str, ...] = ()


def alert_of(letter: Letter, arrival: Arrival, plan: ReportPlan, source: str, limits: ReadLimits) -> Alert:
    """The report that a person's mail makes: one alert for one message, whose reporter is to be answered.

    Labels: ``alertname``, ``reporter_domain``, and ``service``, ``impact``, ``urgency``, ``vip`` where something tells. Never raises.
    """
    said = ReportWords(
        sender=one_line(letter.sender, _NAME_CHARS),
        sender_name=one_line(letter.sender_name, _NAME_CHARS),
        subject=letter.subject,
        text=letter.own_text or letter.text,
        recipients=tuple(one.lower() for one in arrival.recipients),
    )
    reporter = Reporter(
        address=said.sender,
        name=said.sender_name,
        # Who stands in From may be everybody on the list.
        connector="" if not said.sender or kind_of(letter) is AutomaticKind.LIST else plan.connector,
        message_id=one_line(letter.message_id, _ID_CHARS),
        subject=one_line(letter.subject, _NAME_CHARS),
        reply_to=plan.reply_to or _answered_from(said.recipients, plan),
        source=source,
    )
    return alert_from(said, plan, key_of(source, letter.digest), source, limits, reporter)


def alert_from(
    said: ReportWords, plan: ReportPlan, key: AlertKey, source: str, limits: ReadLimits, reporter: Reporter | None
) -> Alert:
    """The report that these words make, however they came."""
    subject = own_subject(said.subject)
    body = plain_block(said.text, limits.annotation_chars_max)
    summary = one_line(subject, limits.label_value_chars_max) or _first_line(body, limits) or "a report without words"
    annotations = {"summary": summary, "description": body, "reporter": _shown(said)}
    return Alert(
        source=source,
        key=key,
        status=AlertStatus.FIRING,
        labels=_labels(said, plan, limits),
        annotations={name: text for name, text in annotations.items() if text},
        rule_name=REPORT_RULE,
        sender=said.sender,
        subject=one_line(said.subject, limits.label_value_chars_max),
        body=body,
        reporter=reporter,
    )


def key_of(source: str, digest: str) -> AlertKey:
    """The identity of the report that the message with this digest makes."""
    return alert_key(source, f"report:{digest}")


def following(alert: Alert, incident_id: IncidentId) -> Alert:
    """The report as one that follows an incident which is over: its readers see which one."""
    text = alert.annotations.get("description", "")
    words = f"Follows {incident_id}, which is over.\n\n{text}" if text else f"Follows {incident_id}, which is over."
    return replace(alert, annotations={**alert.annotations, "description": words, "follows": str(incident_id)})


def own_subject(subject: str) -> str:
    """The subject as its writer put it: without what mail programs put before it, and without the number that we put behind it."""
    return bare_subject(one_line(_NUMBER.sub("", one_line(subject, 2000)), 2000)).strip()


def numbers_in(subject: str) -> tuple[IncidentId, ...]:
    """The incidents that a subject names as ours do: ``[INC-12]``."""
    return tuple(dict.fromkeys(IncidentId(f"INC-{int(number)}") for number in _NUMBER.findall(subject[:2000])))[:5]


def is_thanks(text: str, plan: ReportPlan) -> bool:
    """Whether somebody only says thank you: a short text with such a word, and with no word of a trouble or a question."""
    words = spoken(text[: _THANKS_CHARS + 1])
    if len(text.strip()) > _THANKS_CHARS or first_place(words, plan.thanks) is None or "?" in text:
        return False
    return _level(words, plan.impact_words) is None and _level(words, plan.urgency_words) is None


def _labels(said: ReportWords, plan: ReportPlan, limits: ReadLimits) -> dict[str, str]:
    words = spoken(f"{said.subject[:_WORDS_READ_CHARS]}\n{said.text[:_WORDS_READ_CHARS]}")
    named = [one for one in plan.named if one.means(said.sender)]
    impact = _highest((_level(words, plan.impact_words) or plan.impact, *(one.impact for one in named)))
    urgency = _highest((_level(words, plan.urgency_words) or plan.urgency, *(one.urgency for one in named)))
    domain = said.sender.rpartition("@")[2]
    labels = {
        "alertname": REPORT_RULE,
        "reporter_domain": cut(domain, limits.label_value_chars_max),
        "service": _service(said, words, plan),
        "impact": impact.value if impact else "",
        "urgency": urgency.value if urgency else "",
        "vip": "yes" if named else "",
    }
    return {name: value for name, value in labels.items() if value}


def _level(words: str, by_level: Mapping[Level, tuple[str, ...]]) -> Level | None:
    """The highest level of which a word is said: who writes “minor” and “nobody can work” means the second."""
    return next((level for level in Level if first_place(words, by_level.get(level, ())) is not None), None)


def _highest(levels: Iterable[Level | None]) -> Level | None:
    order = tuple(Level)
    return min((level for level in levels if level is not None), key=order.index, default=None)


def _service(said: ReportWords, words: str, plan: ReportPlan) -> str:
    """By the address that it was sent to, else the service whose word comes first: the subject is read before the text."""
    by_name = {name.lower(): name for name in plan.services}
    for recipient in said.recipients:
        detail = _detail(recipient, plan)
        if detail in by_name:
            return by_name[detail]
    places = {name: first_place(words, own) for name, own in plan.services.items()}
    found = {name: place for name, place in places.items() if place is not None}
    return min(found, key=lambda name: (found[name], name), default="")


def _detail(recipient: str, plan: ReportPlan) -> str:
    """``shop`` of ``help+shop@example.com``; empty if nothing is added."""
    local = recipient.rpartition("@")[0]
    return local.partition(plan.separator)[2] if plan.separator else ""


def _answered_from(recipients: Sequence[str], plan: ReportPlan) -> str:
    """The address that the report came to, if it is one of ours; else the first one of ours."""
    for recipient in recipients:
        local, _, domain = recipient.rpartition("@")
        plain = f"{local.partition(plan.separator)[0] if plan.separator else local}@{domain}"
        if recipient in plan.recipients or plain in plan.recipients:
            return recipient[:_NAME_CHARS]
    return plan.recipients[0] if plan.recipients else ""


def _shown(said: ReportWords) -> str:
    if not said.sender_name:
        return said.sender
    return f"{said.sender_name} <{said.sender}>" if said.sender else said.sender_name


def _first_line(body: str, limits: ReadLimits) -> str:
    return one_line(body.strip().partition("\n")[0], limits.label_value_chars_max)
