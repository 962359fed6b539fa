"""What the configuration says of reports by people: who answers, which words tell what, and whose word weighs more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ingestd.config.quantities import Email, Name, Text, fault, none_word
from ingestd.config.section import Section
from ingestd.core.mail.report import NamedSender, ReportPlan
from ingestd.core.mail.report_words import (
    IMPACT_WORDS,
    PLACEHOLDERS,
    THANKS,
    URGENCY_WORDS,
    AnswerTexts,
    spoken,
    unknown_placeholders,
)
from ingestd.core.names import Level
from ingestd.core.sources.ways import TicketReports

_SHIPPED = AnswerTexts()


def _words(phrase: str) -> str:
    if not spoken(phrase).strip():
        raise fault("words", "there is no word in this", "write what people write: all users, nobody can")
    return phrase


def _fills_what_there_is(text: str) -> str:
    unknown = unknown_placeholders(text)
    if unknown:
        listed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise fault("template", f"{{{unknown[0]}}} stands for nothing here", f"there is {listed}")
    return text


def _is_sender(text: str) -> str:
    local, at, domain = text.strip().lower().rpartition("@")
    if not at or not domain or any(char.isspace() for char in text.strip()) or "@" in local:
        raise fault("email", "this is neither an address nor a domain", "write  asha@example.com  or  '@example.com'")
    return f"{local}@{domain}"


Phrase = Annotated[Text, Field(min_length=1, max_length=100), AfterValidator(_words)]
ServiceName = Annotated[Text, Field(min_length=1, max_length=100)]
Phrases = Annotated[tuple[Phrase, ...], Field(max_length=200)]
Answer = Annotated[Text, Field(min_length=1, max_length=4000), AfterValidator(_fills_what_there_is)]
Sender = Annotated[Text, Field(max_length=254), AfterValidator(_is_sender)]


class LevelsSection(Section):
    """Impact and urgency."""

    impact: Level | None = None
    urgency: Level | None = None


class VipSection(LevelsSection):
    """Senders whose reports weigh at least so much."""

    senders: tuple[Sender, ...] = Field(min_length=1, max_length=500)


class AnswerSection(Section):
    """What whoever reported something is told."""

    received: Answer = _SHIPPED.received
    resolved: Answer = _SHIPPED.resolved
    reopened: Answer = _SHIPPED.reopened


class ReportSection(Section):
    """What people write is a report, and they are answered."""

    answer: Annotated[Name | None, BeforeValidator(none_word)] = None
    """The connector that answers, or ``none``; without it nobody is answered, and ``check`` says so."""
    reply_to: Email | None = None
    """Where answers to our answers go; without it to the address that the report came to."""
    services: dict[ServiceName, Phrases] = Field(default_factory=dict, max_length=500)
    """By service: the words that mean it. Its name is one of them."""
    impact: dict[Level, Phrases] = Field(default_factory=dict)
    urgency: dict[Level, Phrases] = Field(default_factory=dict)
    thanks: Phrases = ()
    shipped_words: bool = True
    """The English words that come with ingestd count besides."""
    otherwise: LevelsSection = LevelsSection()
    """Where no word tells; without it as the rule or the service catalogue says."""
    vip: tuple[VipSection, ...] = Field(default=(), max_length=100)
    texts: AnswerSection = AnswerSection()

    def as_plan(self, recipients: Iterable[str] = (), separator: str = "+") -> ReportPlan:
        """As the reader of reports knows it; ``recipients`` are the addresses of its source."""
        return ReportPlan(
            connector=self.answer or "",
            services={name: _spoken((name, *words)) for name, words in self.services.items()},
            impact_words=_by_level(self.impact, IMPACT_WORDS if self.shipped_words else {}),
            urgency_words=_by_level(self.urgency, URGENCY_WORDS if self.shipped_words else {}),
            impact=self.otherwise.impact,
            urgency=self.otherwise.urgency,
            named=tuple(NamedSender(one.senders, one.impact, one.urgency) for one in self.vip),
            thanks=_spoken((*self.thanks, *(THANKS if self.shipped_words else ()))),
            texts=AnswerTexts(self.texts.received, self.texts.resolved, self.texts.reopened),
            recipients=tuple(one.lower() for one in recipients),
            separator=separator,
            reply_to=self.reply_to or "",
        )


class TicketReportSection(Section):
    """New tickets of a help desk are reports, and the incident takes the ticket for its own."""

    connector: Name
    """The connector of the system in which the ticket is."""
    reports: ReportSection = ReportSection()
    """What is made of them. Without ``answer`` there the help desk alone answers its requesters."""
    own_tags: tuple[Text, ...] = Field(default=("ingestd",), min_length=1, max_length=20)
    """Tags of tickets that ingestd opened: those are no reports."""
    own_requesters: tuple[Email, ...] = Field(default=(), max_length=20)
    """Requesters in whose name ingestd opens tickets, likewise."""

    def as_reports(self) -> TicketReports:
        """As the reader of tickets knows it."""
        return TicketReports(
            connector=self.connector,
            plan=self.reports.as_plan(),
            own_tags=frozenset(tag.strip().lower() for tag in self.own_tags),
            own_requesters=frozenset(one.lower() for one in self.own_requesters),
        )


def _by_level(
    own: Mapping[Level, tuple[str, ...]], shipped: Mapping[Level, tuple[str, ...]]
) -> dict[Level, tuple[str, ...]]:
    return {level: _spoken((*own.get(level, ()), *shipped.get(level, ()))) for level in Level}


def _spoken(phrases: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spoken(phrase).strip() for phrase in phrases))
