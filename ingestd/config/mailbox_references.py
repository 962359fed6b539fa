"""What a mailbox of the configuration refers to: a source that takes its mail, and the certificate of a private authority."""

from __future__ import annotations

from pathlib import Path

from ingestd.config.problems import did_you_mean
from ingestd.config.yaml_tree import Document, Mapping, Scalar
from ingestd.core.sources import SourceKind


def check_mailboxes(document: Document, root: Mapping, folder: Path) -> None:
    """Add a problem for each reference that leads nowhere, and for two accounts that would read the same folder."""
    mail = root.get("mail")
    mailboxes = mail.get("mailboxes") if isinstance(mail, Mapping) else None
    takers = _mail_sources(root)
    places: dict[tuple[str, ...], str] = {}
    for name, entry in mailboxes.entries.items() if isinstance(mailboxes, Mapping) else ():
        if not isinstance(entry.node, Mapping):
            continue
        _check_source(document, entry.node, takers)
        _check_authority(document, entry.node, folder)
        place = tuple(_text(entry.node, key) for key in ("host", "username", "folder"))
        place = (*place[:2], place[2] or "INBOX")
        if place in places:
            text = f'mailbox "{places[place]}" reads the same folder of the same account'
            document.report(entry.key_span, "value", text, hint="keep one of them, or name another folder")
        places[place] = name


def _mail_sources(root: Mapping) -> frozenset[str]:
    sources = root.get("sources")
    found = sources.entries.items() if isinstance(sources, Mapping) else ()
    return frozenset(
        name
        for name, entry in found
        if isinstance(entry.node, Mapping) and _text(entry.node, "kind") == SourceKind.EMAIL.value
    )


def _check_source(document: Document, mailbox: Mapping, takers: frozenset[str]) -> None:
    node = mailbox.get("source")
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value not in takers:
        text = f'no source of kind email is called "{node.value[:60]}"'
        hint = did_you_mean(node.value, takers) if takers else "define one under sources"
        document.report(node.span, "unknown-mail-source", text, hint=hint)


def _check_authority(document: Document, mailbox: Mapping, folder: Path) -> None:
    node = mailbox.get("ca_file")
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return
    try:
        with (folder / node.value).open("rb") as stream:
            is_pem = b"-----BEGIN" in stream.read(65_536)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not a path"
        document.report(node.span, "missing-file", f'cannot read "{node.value}": {reason}', hint=f"looked in {folder}")
        return
    if not is_pem:
        document.report(node.span, "value", f'"{node.value}" is not a PEM file', hint="it has no -----BEGIN line")


def _text(mapping: Mapping, key: str) -> str:
    node = mapping.get(key)
    return str(node.value) if isinstance(node, Scalar) and node.value is not None else ""
