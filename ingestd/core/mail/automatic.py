"""Whether a person or a program wrote a mail, and which kind of program: RFC 3834, and what servers say instead of it.

An alert is a program's mail too: ``Auto-Submitted: auto-generated`` and ``Precedence: bulk`` are no reason to leave a mail out. What answers
by itself is.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from ingestd.core.mail.letter import Letter
from ingestd.core.mail.parameters import described


class AutomaticKind(StrEnum):
    """Who wrote it, as far as the mail itself says. Anybody can write any of this."""

    NONE = "none"
    """Nothing says that it was a program."""
    MACHINE = "machine"
    """A program, of its own accord: an alert as likely as anything."""
    ABSENCE = "absence"
    """A program that answers mail by itself: an absence note, a thank-you of a help desk, a receipt that a mail was read."""
    BOUNCE = "bounce"
    """A mail server, about a mail that did not arrive (or did)."""
    LIST = "list"
    """A mailing list or group address passed it on: who wrote it may be either."""


_ANSWERS: Final = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponse",
    "x-auto-reply",
    "x-auto-respond",
    "x-mail-autoreply",
    "x-autoreply-from",
    "x-vacation",
)  # fmt: skip  (a list of headers)
_LISTS: Final = ("list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailinglist")
_DAEMON: Final = re.compile(r"mailer-daemon|mail-daemon|maildaemon|microsoftexchange[0-9a-f]{32}", re.IGNORECASE)
_POSTMASTER: Final = re.compile(r"postmaster|mail-?system|mail-?delivery-?system|smtp-?daemon", re.IGNORECASE)
_NO_REPLY: Final = re.compile(r"(?:do[-_.]?not[-_.]?reply|no[-_.]?reply)(?:[+.=_-].*)?", re.IGNORECASE)
_BOUNCE_SUBJECT: Final = re.compile(
    r"\s*(?:undeliver(?:able|ed)|delivery status notification|delivery (?:has )?fail|delivery notification|delivery (?:delayed|report)"
    r"|mail delivery (?:failed|failure|system|subsystem|delayed|status)|failed delivery|failure notice|returned mail"
    r"|message (?:delivery|could not be delivered)|message not delivered|warning: (?:message|could not send)|unzustellbar|nicht zustellbar"
    r"|zustellung fehlgeschlagen|non remis|non distribuable|échec de la remise|impossibile recapitare|non recapitabile|no se puede entregar"
    r"|no entregado|onbestelbaar|niet bezorgd|não entregue|niedostarczalne)",
    re.IGNORECASE,
)
# With what ends such a beginning, so that a person may write of an absence calendar that is broken.
_ABSENCE_SUBJECT: Final = re.compile(
    r"\s*(?:(?:(?:automatic|automated|auto)[ -]?(?:reply|response|antwort|answer|responder)|autoresponse|automatische (?:antwort|abwesenheitsnotiz)"
    r"|(?:i am |i'm )?out of (?:the )?office(?: (?:auto-?reply|autoreply|reply|message|notification|notice))?|oof|ooo|on vacation|vacation reply"
    r"|abwesenheits(?:notiz|mitteilung|meldung|nachricht|assistent)|abwesen(?:d|heit)|nicht im (?:büro|haus)|bin im urlaub"
    r"|réponse automatique|absence du bureau|absent du bureau|risposta automatica|fuori (?:ufficio|sede)|respuesta automática"
    r"|fuera de (?:la )?oficina|resposta automática|automatisch antwoord|afwezig(?:heid)?|autosvar|automatiskt svar|automatisk svar"
    r"|automaattinen vastaus|odpowiedź automatyczna|autoodpowiedź|automatická odpověď|автоответ|自动回复|自動応答|自動回覆)"
    r"\s*(?:[:\-–—(\[!.|/]|：|$)|auto:\s*(?:re|aw|sv|antw)\s*:)",  # noqa: RUF001 (the full-width colon of Chinese mail programs)
    re.IGNORECASE,
)
_AUTO_PREFIX: Final = re.compile(r"\s*auto:", re.IGNORECASE)
_DELIVERY: Final = ("message/delivery-status", "message/global-delivery-status")


def kind_of(letter: Letter, *, is_null_sender: bool = False) -> AutomaticKind:
    """Which kind of automatic mail it is. ``is_null_sender``: the transport said ``MAIL FROM:<>``, which nobody may answer."""
    is_null = is_null_sender or letter.first("return-path").replace(" ", "") == "<>"
    if is_bounce(letter, is_null_sender=is_null):
        return AutomaticKind.BOUNCE
    submitted = described(letter.first("auto-submitted")).value.partition(" ")[0]
    precedence = letter.first("precedence").strip().lower()
    if _is_answer(letter, submitted, precedence):
        return AutomaticKind.ABSENCE
    if any(name in letter.headers for name in _LISTS) or precedence == "list":
        return AutomaticKind.LIST
    if submitted not in {"", "no"} or precedence in {"bulk", "junk"} or is_null:
        return AutomaticKind.MACHINE
    if letter.first("content-type").lower().startswith("multipart/report"):
        return AutomaticKind.MACHINE
    is_program = is_mail_system(letter.sender) or _NO_REPLY.fullmatch(letter.sender.partition("@")[0])
    return AutomaticKind.MACHINE if is_program else AutomaticKind.NONE


def is_bounce(letter: Letter, *, is_null_sender: bool = False) -> bool:
    """A mail server says what became of a mail. A subject alone is no proof of that: monitoring writes of mail queues too."""
    if any(kind in _DELIVERY for kind, _ in letter.parts) or "x-failed-recipients" in letter.headers:
        return True
    kind = described(letter.first("content-type"))
    if kind.value in _DELIVERY or kind.parameter("report-type").lower() == "delivery-status":
        return True
    return has_bounce_subject(letter) and (is_null_sender or is_mail_system(letter.sender))


def is_mail_system(address: str) -> bool:
    """The address is one that mail servers write from."""
    name = address.partition("@")[0]
    return bool(_DAEMON.fullmatch(name) or _POSTMASTER.fullmatch(name))


def has_bounce_subject(letter: Letter) -> bool:
    """The subject begins as mail servers begin theirs."""
    return _BOUNCE_SUBJECT.match(letter.subject) is not None


def _is_answer(letter: Letter, submitted: str, precedence: str) -> bool:
    if submitted == "auto-replied" or precedence in {"auto_reply", "auto-reply"}:
        return True
    if any(letter.first(name).strip().lower() not in {"", "no"} for name in _ANSWERS):
        return True
    if described(letter.first("content-type")).parameter("report-type").lower() == "disposition-notification":
        return True
    if _AUTO_PREFIX.match(letter.subject) and "in-reply-to" in letter.headers:
        return True
    return _ABSENCE_SUBJECT.match(letter.subject) is not None
