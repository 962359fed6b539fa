"""Bytes of mail as text, by the charset that they name, if it is one. Some codecs of Python are no charsets, or hurt whoever asks them."""

from __future__ import annotations

import re
from typing import Final

_KNOWN: Final = re.compile(
    r"utf-?8|utf-16(?:le|be)?|iso-8859-(?:[2-9]|1[0-35])|windows-12(?:50|51|5[3-8])|cp12(?:50|51|5[3-8])|cp(?:437|850|852|855|866|874)"
    r"|koi8-[ru]|gb18030|euc-jp|iso-2022-jp|tis-620"
)
# What mail says, and what it then means: as browsers do.
_MEANT: Final = {
    "utf8": "utf-8",
    "unicode": "utf-16",
    "iso-8859-16": "iso8859-16",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "windows-874": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "cp950": "cp950",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "cp949": "cp949",
    "macintosh": "mac_roman",
}


def decoded(content: bytes, charset: str) -> str:
    """The text; never raises. Bytes that the charset does not have become U+FFFD; a charset that is none is taken for UTF-8 or Western."""
    name = charset.strip(" \t\"'").lower()
    if content.isascii() and not name.startswith(("utf-16", "unicode", "iso-2022")):
        return content.decode("ascii")
    codec = _MEANT.get(name) or (name if _KNOWN.fullmatch(name) else "")
    if codec:
        return content.decode(codec, "replace")
    return _guessed(content, "iso8859-15" if name == "iso-8859-15" else "cp1252")


def _guessed(content: bytes, otherwise: str) -> str:
    """What is valid UTF-8 and not plain ASCII is hardly ever anything else."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut within a character, by us or by who sent it.
        if error.start >= len(content) - 3 and error.start > 0 and not content[: error.start].isascii():
            return content[: error.start].decode("utf-8")
    return content.decode(otherwise, "replace")
