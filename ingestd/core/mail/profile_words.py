"""Parses the small texts of a profile: matchers on mail, and templates with fields in them."""

from __future__ import annotations

import re
from typing import Final

from ingestd.core.mail.profile import AUTHOR, HEADER_PREFIX, TEXTS, Template
from ingestd.core.matchers import Matcher, MatcherError, parse_matcher

TEMPLATE_CHARS_MAX: Final = 2000
FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HEADER: Final = re.compile(r"header\.[A-Za-z0-9!#$&'*+.^_`|-]{1,100}")
_BARE: Final = {"subject": "alert.subject", "sender": "alert.sender", "from": "alert.sender", "body": "alert.body"}


def is_text(name: str) -> bool:
    """Whether this names a text of every mail: ``alert.subject``, ``header.X-Priority``."""
    return name in TEXTS or _HEADER.fullmatch(name) is not None


def parse_mail_matcher(text: str) -> Matcher:
    """Parse one matcher on a mail: the language is that of rules, the fields are those of mail. Raises ``MatcherError``."""
    matcher = parse_matcher(text)
    name = matcher.field.name
    if not is_text(name):
        hint = f"write  {_BARE[name.lower()]}" if name.lower() in _BARE else ""
        known = (*TEXTS, f"{HEADER_PREFIX}NAME")
        raise MatcherError(f'mail has no field "{name[:60]}"', length=len(name), hint=hint, word=name, known=known)
    if name == AUTHOR and matcher.value not in {"machine", "person"}:
        raise MatcherError(f"{AUTHOR} is machine or person", length=len(text), hint=f"write  {AUTHOR} = machine")
    return matcher


def parse_template(text: str) -> Template:
    """Parse ``{host} is {state}``; a brace itself is written twice. Raises ``ValueError`` with what is wrong."""
    if len(text) > TEMPLATE_CHARS_MAX:
        raise ValueError(f"a template of {len(text)} characters (at most {TEMPLATE_CHARS_MAX})")
    parts: list[tuple[str, str]] = []
    literal, at = "", 0
    while at < len(text):
        sign = text[at]
        if sign in "{}" and text[at : at + 2] == sign * 2:
            literal, at = literal + sign, at + 2
        elif sign == "{":
            end = text.find("}", at)
            name = text[at + 1 : end] if end > 0 else ""
            if not FIELD_NAME.fullmatch(name):
                raise ValueError("a field stands in braces, {host}; a brace itself is written twice")
            parts.append((literal, name))
            literal, at = "", end + 1
        elif sign == "}":
            raise ValueError("a } without its {; a brace itself is written twice")
        else:
            literal, at = literal + sign, at + 1
    if literal or not parts:
        parts.append((literal, ""))
    return Template(tuple(parts))


def template_fields(template: Template) -> tuple[str, ...]:
    """The fields that a template needs."""
    return tuple(name for _, name in template.parts if name)
