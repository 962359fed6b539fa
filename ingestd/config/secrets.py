"""Brings secrets into a configuration tree from files, the environment and systemd credentials.

Wherever a key holds a secret by its name (see ``masking.is_secret_key``), it can be given as

- ``password: ${NAME}``: an environment variable. ``${NAME}`` works in every value of the configuration file; ``$${`` stands for ``${``;
- ``password_file: PATH``: the content of a file without its last line end;
- ``password_credential: NAME``: a file of that name in ``$CREDENTIALS_DIRECTORY`` (systemd's ``LoadCredential=``).

A list of secrets (``secrets``, ``passwords``) takes one per line from its file, so that a rotation is one more line.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping as Environment
from dataclasses import dataclass
from pathlib import Path

from ingestd.config.masking import is_secret_key
from ingestd.config.problems import did_you_mean
from ingestd.config.yaml_tree import Document, Entry, Mapping, Node, Scalar, Sequence

SECRET_BYTES_MAX = 65_536
STAND_IN = "stands-in-for-what-cannot-be-read"
"""Long enough for every secret, so that nothing else is said of it."""

_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class SecretPlaces:
    """Where secrets may come from. ``folder`` is what relative paths start from: the folder of the configuration file."""

    folder: Path
    environment: Environment[str, str]

    @property
    def credentials(self) -> Path | None:
        """The folder in which systemd puts this service's credentials, or None."""
        text = self.environment.get("CREDENTIALS_DIRECTORY", "")
        return Path(text) if text else None


def fill_in(document: Document, node: Node | None, places: SecretPlaces) -> None:
    """Replace ``${NAME}``, ``x_file`` and ``x_credential`` below a node by what they stand for, in place.

    What cannot be read becomes a problem of the document, and the key gets a stand-in text so that it is not also
    reported as missing.
    """
    match node:
        case Scalar(value=str() as text):
            node.value = _expand(document, node, text, places)
        case Sequence():
            for item in node.items:
                fill_in(document, item, places)
        case Mapping():
            for entry in node.entries.values():
                fill_in(document, entry.node, places)
            for key in list(node.entries):
                _replace_reference(document, node, key, places)
        case _:
            pass


def _expand(document: Document, node: Scalar, text: str, places: SecretPlaces) -> str:
    if "${" not in text:
        return text

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "${"
        if not _NAME.fullmatch(name):
            document.report(node.span, "environment", f'"{name[:60]}" is not a variable name', hint="write $${ for ${")
        elif name not in places.environment:
            hint = did_you_mean(name, places.environment) if len(places.environment) > 12 else ""
            document.report(node.span, "environment", f"the environment variable {name} is not set", hint=hint)
        return places.environment.get(name, STAND_IN)

    return _VARIABLE.sub(value_of, text)


def _replace_reference(document: Document, mapping: Mapping, key: str, places: SecretPlaces) -> None:
    stem, _, kind = key.rpartition("_")
    # An address may be a secret: whoever knows it can call it. It is none by its name, since most are not.
    if kind not in {"file", "credential"} or not (is_secret_key(stem) or stem == "url"):
        return
    entry = mapping.entries.pop(key)
    if stem in mapping.entries:
        other = mapping.entries[stem].key_span.line
        text = f'both "{stem}" and "{key}" are given'
        document.report(entry.key_span, "secret", text, hint=f"keep one of them; the other is on line {other}")
        return
    text = _read_secret(document, entry.node, kind, places)
    value: Node = Scalar(entry.node.span, text, is_plain=False)
    if stem.endswith("s"):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        value = Sequence(entry.node.span, [Scalar(entry.node.span, line, is_plain=False) for line in lines])
    mapping.entries[stem] = Entry(entry.key_span, value)


def _read_secret(document: Document, node: Node, kind: str, places: SecretPlaces) -> str:
    """The text of a secret; a stand-in after a problem has been reported."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.value:
        document.report(node.span, "secret", f"this must be the {'path' if kind == 'file' else 'name'} of one secret")
        return STAND_IN
    path = places.folder / node.value
    if kind == "credential":
        if places.credentials is None or "/" in node.value or node.value in {".", ".."}:
            hint = "start the service with LoadCredential=, or use a file"
            document.report(node.span, "secret", f'there is no credential "{node.value[:60]}"', hint=hint)
            return STAND_IN
        path = places.credentials / node.value
    try:
        with path.open("rb") as stream:
            raw = stream.read(SECRET_BYTES_MAX + 1)
            mode = path.stat().st_mode
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not a path"
        document.report(node.span, "missing-file", f'cannot read "{node.value}": {reason}', hint=f"looked at {path}")
        return STAND_IN
    if kind == "file" and mode & stat.S_IROTH:
        hint = f"chmod o= {node.value}"
        document.lint(node.span, "secret-mode", f'every user of this machine can read "{node.value}"', hint=hint)
    return _secret_text(document, node, raw)


def _secret_text(document: Document, node: Node, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        document.report(node.span, "secret", "this secret is not UTF-8 text")
        return STAND_IN
    if len(raw) > SECRET_BYTES_MAX:
        document.report(node.span, "secret", f"this secret is larger than {SECRET_BYTES_MAX} bytes")
        return STAND_IN
    if not text.strip():
        document.report(node.span, "secret", "this secret is empty")
        return STAND_IN
    return text
