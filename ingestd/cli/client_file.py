"""The file ``cli.yaml``: what the command line may be told once instead of every time."""

from __future__ import annotations

from pathlib import Path

from ingestd.cli.failures import BadUsage
from ingestd.config.problems import has_errors, headline, in_order
from ingestd.config.quantities import OptionalUrl
from ingestd.config.section import Section
from ingestd.config.validation import validate
from ingestd.config.yaml_tree import Scalar, read_document


class ClientFile(Section):
    """``url`` of the daemon, ``token_file`` with the token in it, ``ca_file`` (PEM) if its certificate is of a CA of your own."""

    url: OptionalUrl = ""
    token_file: Path | None = None
    ca_file: Path | None = None


def read_client_file(path: Path) -> ClientFile:
    """The settings in a file; relative paths begin at its folder, ``~`` is the user's home. Raises ``BadUsage`` with the first problem."""
    document, _ = read_document(path)
    root = document.root
    is_empty = root is None or (isinstance(root, Scalar) and root.value is None)
    found = ClientFile() if is_empty else validate(document, root, ClientFile)
    if found is None or has_errors(document.problems):
        first = in_order(document.problems)[0]
        raise BadUsage(headline(first), hint=first.hint or "known keys: url, token_file, ca_file")
    return found.model_copy(
        update={"token_file": _placed(found.token_file, path), "ca_file": _placed(found.ca_file, path)}
    )


def _placed(value: Path | None, file: Path) -> Path | None:
    return None if value is None else file.parent / value.expanduser()
