"""What somebody wrote themselves, told from what their mail program quoted, announced or signed with.

No standard says how a quote looks, so this goes by what programs write: Gmail, Outlook, Apple Mail, Thunderbird and those like them, in the
languages of our tests. Where in doubt a line stays: a sentence too many can be skipped, one that is missing cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ingestd.core.safe_text import plain_block

_LINES_MAX: Final = 5000
_TRIES_MAX: Final = 200
"""So many lines of one text are looked at as the beginning of an announcement; more are none."""
_LINE_CHARS_MAX: Final = 400
_ANNOUNCED_LINES_MAX: Final = 3
_COLONS: Final = (":", "\uff1a")

_ANNOUNCE_BEGIN: Final = re.compile(
    r"(?:on|am|le|il|el|op|den|em|dne|w dniu|dnia|pe|la|на|date:)\b.{0,390}|.{0,200}<[^<>\s]{1,300}>.{0,100}|.{0,20}\d{4}.{0,380}",
    re.IGNORECASE,
)
_WROTE: Final = re.compile(
    r"\b(?:wrote|writes|schrieb|a écrit|a ecrit|écrit|ecrit|ha scritto|escribi[óo]|schreef|skrev|escreveu|napisał(?:\(a\)|a)?|napsal(?:\(a\)|a)?"
    r"|kirjoitti|a scris|написала?|пишет|yazd\u0131|ezt írta|írta)(?!\w)|写道|寫道|書きました",
    re.IGNORECASE,
)
_DIVIDER: Final = re.compile(
    r"-{2,} ?(?:original message|original appointment|urspr\S{0,8} ?(?:nachricht|e-?mail)|original-nachricht|message d'origine|message original|messaggio (?:originale|inoltrato)"
    r"|mensaje (?:original|reenviado)|oorspronkelijk bericht|mensagem (?:original|encaminhada)|ursprungligt meddelande|oprindelig meddelelse"
    r"|opprinnelig melding|alkuperäinen viesti|wiadomość oryginalna|původní zpráva|eredeti üzenet|forwarded|weitergeleitet|message transféré"
    r"|doorgestuurd bericht).{0,60}|_{10,}|begin forwarded message:|anfang der weitergeleiteten nachricht:|début du message (?:réexpédié|transféré) ?:"
    r"|inizio messaggio inoltrato:|inicio del mensaje reenviado:",
    re.IGNORECASE,
)
_FROM: Final = re.compile(
    r"\*?(?:from|von|de|da|van|fr[åa]n|fra|od|lähettäjä|от|发件人|差出人)\*?\s?[:\uff1a]\*?\s?.{1,390}", re.IGNORECASE
)
_OTHER_LABEL: Final = re.compile(
    r"\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|envoyé|à|objet|inviato|data|a|oggetto|enviado|enviada em|fecha|para|asunto|assunto"
    r"|verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne|wysłano|do|temat|odesláno|komu|předmět|lähetetty|vastaanottaja|aihe"
    r"|отправлено|кому|тема|发送时间|收件人|主题|送信日時|宛先|件名)\*?\s?[:\uff1a].{0,390}",
    re.IGNORECASE,
)
_MOBILE: Final = re.compile(
    r"(?:sent (?:from|via|with) (?:my |the )?\S.{0,40}|get outlook for (?:ios|android).{0,40}|von meinem .{1,30} gesendet|gesendet (?:von|mit) .{1,40}"
    r"|envoyé (?:de|depuis) mon .{1,30}|inviato da(?:l mio)? .{1,30}|enviado (?:desde|do) (?:mi |meu )?.{1,30}|verzonden (?:vanaf|met) .{1,30}"
    r"|(?:outlook|diese nachricht wurde) für (?:ios|android).{0,40})",
    re.IGNORECASE,
)  # fmt: skip  (one alternative per program)


def own_text(text: str, chars_max: int) -> str:
    """The text without quoted lines, what announces them, the original below, and the signature; at most ``chars_max`` characters.

    An answer below or between the quoted lines stays. Time grows with the length alone; what stands behind 5,000 lines is not looked at.
    """
    lines = plain_block(text, chars_max).split("\n", _LINES_MAX)[:_LINES_MAX]
    own: list[str] = []
    tries = _TRIES_MAX
    position = 0
    while position < len(lines):
        line = lines[position].strip()
        short = line[:_LINE_CHARS_MAX]
        if line.startswith((">", "|")):
            position += 1
            continue
        announced = _announced_to(lines, position) if tries > 0 else 0
        if announced:
            tries -= 1
            if _announces(lines, position, announced):
                position += announced
                continue
        if lines[position] in {"-- ", "--"} or _DIVIDER.fullmatch(short) or _begins_original(lines, position, short):
            break
        if not _MOBILE.fullmatch(short):
            own.append(line)
        position += 1
    return plain_block("\n".join(own).strip(), chars_max)


def _announced_to(lines: Sequence[str], position: int) -> int:
    """How many lines from here on end in a colon, if they are few; 0 if none does."""
    if not lines[position].strip():
        return 0
    for count in range(1, _ANNOUNCED_LINES_MAX + 1):
        if position + count > len(lines):
            return 0
        if lines[position + count - 1].rstrip().endswith(_COLONS):
            return count
    return 0


def _announces(lines: Sequence[str], position: int, count: int) -> bool:
    """``On Monday … wrote:``, broken wherever the program liked."""
    joined = " ".join(line.strip() for line in lines[position : position + count])[: _LINE_CHARS_MAX * 2]
    return bool(_ANNOUNCE_BEGIN.fullmatch(lines[position].strip()[:_LINE_CHARS_MAX]) and _WROTE.search(joined))


def _begins_original(lines: Sequence[str], position: int, line: str) -> bool:
    """A block such as ``From: / Sent: / To: / Subject:``, with which Outlook begins what was answered."""
    if not _FROM.fullmatch(line):
        return False
    return any(_OTHER_LABEL.fullmatch(one.strip()[:_LINE_CHARS_MAX]) for one in lines[position + 1 : position + 4])
