"""Foreign text as Markdown that shows exactly that text: nothing in an alert can become markup, a link or a marker."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

# Controls (without tab and newline), the marks that reorder text, line separators that only some programs see, lone surrogates
# (not storable as UTF-8) and the two non-characters that YAML refuses.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_ALWAYS_SPECIAL = re.compile(r"[\\`*\[\]~|&]|(?<![^\W_])_|_(?![^\W_])|#(?=\Z)")
_SPECIAL_AT_LINE_START = re.compile(r"^([-+=#:]|\d{1,9}(?=[.)]))", re.MULTILINE)
_BACKTICKS = re.compile("`+")
_URL_SAFE = "%/:?#[]@!$&'()*+,;=~-._"


def showable(text: str) -> str:
    """The text without what cannot be stored or would show as something else; line ends are newlines."""
    return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, limit: int) -> str:
    """The text in one line of at most ``limit`` characters; an ellipsis shows that it was cut."""
    # Cut before cleaning too: a text of a megabyte is not searched for controls that nobody will see.
    line = " ".join(showable(text[: 4 * limit]).split())
    is_cut = len(line) > limit or len(text) > 4 * limit
    return line[: limit - 1].rstrip() + "…" if is_cut else line


def prose(text: str, limit: int) -> str:
    """The text as one inline run of Markdown that shows it literally, in one line; to stand after other words."""
    return _escape(one_line(text, limit))


def paragraph(text: str, limit: int) -> str:
    """The text as Markdown paragraphs that show it literally, of at most ``limit`` characters before escaping."""
    cut = showable(text[:limit]).strip()
    if len(text) > limit:
        cut += f"\n\n… ({len(text) - limit:,} characters more)"
    lines = "\n".join(" ".join(line.split()) for line in cut.split("\n"))
    escaped = _SPECIAL_AT_LINE_START.sub(_escape_line_start, _escape(lines))
    return re.sub(r"\n{3,}", "\n\n", escaped)


def code(text: str, limit: int) -> str:
    """The text as an inline code span in one line."""
    line = one_line(text, limit) or " "
    longest_run = max((len(run) for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * (longest_run + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def link(url: str) -> str:
    """The address as an autolink; as code if it is no http or https address of sane length."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an unclosed bracket of an IPv6 host
        return code(url, 200)
    if parts.scheme not in {"http", "https"} or not parts.netloc or len(url) > 2000:
        return code(url, 200)
    return f"<{quote(showable(url), safe=_URL_SAFE)}>"


def instant(at: datetime) -> str:
    """The instant as people read it, in UTC to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _escape(text: str) -> str:
    # Angle brackets become entities, not backslash escapes: so no run of our output can look like an HTML comment.
    return _ALWAYS_SPECIAL.sub(r"\\\g<0>", text).replace("<", "&lt;").replace(">", "&gt;")


def _escape_line_start(match: re.Match[str]) -> str:
    start = match.group(1)
    return f"{start}\\" if start.isdigit() else f"\\{start}"
