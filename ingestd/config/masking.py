"""Keeps secrets out of what is shown of a configuration file."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

_SECRET_WORD = re.compile(
    r"password|(?:^|[_-])(?:pass|pwd|pas+w[a-z]*|secr?ets?|secerts?|token|credentials?)$|(?:^|_)api_?key$|[_-]key$",
    re.IGNORECASE,
)
_NO_SECRETS = frozenset({"loopback_without_token"})
_SECRET_NAMES = ("password", "passwords", "secret", "secrets", "token", "credential", "api_key")
_NEAR_ENOUGH = 0.8
_REFERENCE = re.compile(r"_(?:file|credential)$", re.IGNORECASE)
_KEY = re.compile(r"""(?P<quote>["']?)(?P<key>[A-Za-z][A-Za-z0-9_-]{0,63})(?P=quote)[ \t]*:(?=[ \t]|$)""")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):([^\s/@]+)@")
_SECRET_ADDRESS_OF = ("calendar", "destinations", "heartbeat")
_ADDRESS = re.compile(r"""(?<=://)[^\s,"'|>}\]]+""")
_HIDDEN = re.compile(r"[^\s\[\]{},\"'|>]")


def is_secret_key(key: str) -> bool:
    """Whether the value of a key is a secret by its name: ``password``, ``auth_token``, ``api_key``, ``secrets``, ..."""
    return bool(_SECRET_WORD.search(key)) and not _REFERENCE.search(key) and key not in _NO_SECRETS


@lru_cache(maxsize=4096)
def _is_to_be_masked(key: str, has_secret_address: bool = False) -> bool:
    """Whether the key is a secret's, or looks as if it were meant to be: a key that is misspelt is what a problem shows.

    ``has_secret_address``: it stands where whoever knows the address can use it, in a calendar, a heartbeat or a chat destination.
    """
    if is_secret_key(key) or (has_secret_address and key.lower() == "url"):
        return True
    if _REFERENCE.search(key) or key in _NO_SECRETS or key == "tokens":
        return False
    words = {key.lower(), re.split("[_-]", key.lower())[-1]}
    return any(get_close_matches(word, _SECRET_NAMES, n=1, cutoff=_NEAR_ENOUGH) for word in words)


@lru_cache(maxsize=4096)
def _holds_secret_address(key: str) -> bool:
    return bool(get_close_matches(key.lower(), _SECRET_ADDRESS_OF, n=1, cutoff=_NEAR_ENOUGH))


def mask_lines(lines: list[str]) -> list[str]:
    """The lines with secret values replaced by asterisks, column by column.

    Works on text, so that it also holds for files that are not valid YAML. It hides rather too much than too little:
    on a line with a secret everything after its key, and what is indented below it.
    """
    masked: list[str] = []
    inside: int | None = None
    address_inside: int | None = None
    for line in lines:
        stripped = line.lstrip(" \t")
        indent = len(line) - len(stripped)
        if address_inside is not None and stripped and indent <= address_inside:
            address_inside = None
        if any(_holds_secret_address(match["key"]) for match in _KEY.finditer(line)):
            address_inside = indent
        if inside is not None and stripped:
            if indent > inside or (indent == inside and stripped.startswith("- ")):
                dash = 2 if stripped.startswith("- ") else 0
                masked.append(line[: indent + dash] + _hide(stripped[dash:]))
                continue
            inside = None
        has_address = address_inside is not None
        if has_address:  # also under another key: somebody takes "path" for the place of an address
            line = _ADDRESS.sub(lambda match: "*" * len(match[0]), line)  # noqa: PLW2901 (what follows looks at what is left)
        key = next((match for match in _KEY.finditer(line) if _is_to_be_masked(match["key"], has_address)), None)
        if key is None:
            masked.append(_URL_PASSWORD.sub(lambda match: f"{match[1]}:{'*' * len(match[2])}@", line))
            continue
        inside = indent if line[: key.start()].strip(" -") else key.start()
        masked.append(line[: key.end()] + _hide(line[key.end() :]))
    return masked


def _hide(text: str) -> str:
    return _HIDDEN.sub("*", text)
