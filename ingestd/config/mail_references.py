"""Whether mail finds its way: each address has one source, each source of mail has a door, and the door is not open to everybody.

Works on the tree, as ``references`` does, so that it finds its problems also in a file that has others.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestd.config.quantities import parse_listen
from ingestd.config.yaml_tree import Document, Mapping, Node, Scalar, Sequence
from ingestd.core.sources import SourceKind


def check_recipients(document: Document, root: Mapping) -> None:
    """Add a problem for every address that two sources list, or one twice: only one of them would ever get its mail."""
    seen: dict[str, tuple[str, int]] = {}
    for name, _, email in _sources(root):
        recipients = email.get("recipients") if isinstance(email, Mapping) else None
        for one in recipients.items if isinstance(recipients, Sequence) else ():
            if not isinstance(one, Scalar) or not isinstance(one.value, str):
                continue
            if (other := seen.get(one.value.lower())) is not None:
                text = f'"{one.value[:80]}" is a recipient of "{other[0]}" already'
                document.report(one.span, "duplicate-recipient", text, hint=f"line {other[1]}; keep one of them")
            seen.setdefault(one.value.lower(), (name, one.span.line))


def lint_mail(document: Document) -> None:
    """Add a warning for a source that no mail can reach, of which none is believed or whose reporters hear nothing, and for an open listener."""
    root = document.root
    mail = root.get("mail") if isinstance(root, Mapping) else None
    listener, mailboxes = (mail.get(key) if isinstance(mail, Mapping) else None for key in ("listener", "mailboxes"))
    if not isinstance(listener, Mapping) and not isinstance(mailboxes, Mapping):
        for name, kind, _ in _sources(root):
            text = f'no mail can reach "{name}": there is neither a listener nor a mailbox'
            document.lint(
                kind.span, "no-mail-door", text, hint="add  mail: {listener: ...}  or  mail: {mailboxes: ...}"
            )
    else:
        _lint_proof(document, listener, has_mailbox=isinstance(mailboxes, Mapping))
    if isinstance(listener, Mapping):
        _lint_listener(document, mail, listener)
    for name, _, email in _sources(root):
        reports = email.get("reports") if isinstance(email, Mapping) else None
        if isinstance(email, Mapping) and isinstance(reports, Mapping) and reports.get("answer") is None:
            text = f'nobody who reports something to "{name}" is answered'
            hint = "name the connector that answers them,  answer: mail,  or write  answer: none"
            document.lint(email.entries["reports"].key_span, "reports-unanswered", text, hint=hint)


def _lint_proof(document: Document, listener: Node | None, *, has_mailbox: bool) -> None:
    """A source for which no mail can ever be shown to be from whom it names: all of it is put aside."""
    vouched = [key for key in ("auth", "trusted_networks") if isinstance(listener, Mapping) and listener.get(key)]
    for name, kind, email in _sources(document.root):
        if not isinstance(email, Mapping) or email.get("auth") is not None:
            continue
        has_server = email.get("authserv_id") is not None
        if vouched or (has_server and has_mailbox):
            continue
        text = f'nothing can show who writes to "{name}": all its mail is put aside'
        hint = "name the mail server that checks it as  authserv_id,  or write  auth: none  to take machine mail without proof"
        if has_server:
            hint = (
                "list your mail server under trusted_networks of the listener: of others its results are not believed"
            )
        document.lint(kind.span, "mail-unproved", text, hint=hint)


def _lint_listener(document: Document, mail: Node | None, listener: Mapping) -> None:
    assert isinstance(mail, Mapping), "the listener stands in it"
    listen = listener.get("listen")
    span = listen.span if listen is not None else mail.entries["listener"].key_span
    if listen is None or (isinstance(listen, Scalar) and parse_listen(listen.value).is_loopback):
        return
    auth = listener.get("auth")
    required = auth.get("required") if isinstance(auth, Mapping) else None
    is_closed = isinstance(required, Scalar) and required.value is True
    if not is_closed and listener.get("allowed_networks") is None:
        text = "whoever reaches this machine can hand in mail"
        hint = "list who relays to it under allowed_networks, or let them log in: auth with required: true"
        document.lint(span, "mail-open", text, hint=hint)
    if isinstance(auth, Mapping) and listener.get("tls") is None:
        text = "nobody but this machine can log in: passwords are taken over TLS alone, and there is no certificate"
        document.lint(mail.entries["listener"].key_span, "auth-without-tls", text, hint="add  tls: {cert_file: ...}")


def _sources(root: Node | None) -> Iterator[tuple[str, Scalar, Node | None]]:
    """The sources of mail: name, kind and what they say of mail."""
    sources = root.get("sources") if isinstance(root, Mapping) else None
    for name, entry in sources.entries.items() if isinstance(sources, Mapping) else ():
        kind = entry.node.get("kind") if isinstance(entry.node, Mapping) else None
        if isinstance(entry.node, Mapping) and isinstance(kind, Scalar) and kind.value == SourceKind.EMAIL:
            yield name, kind, entry.node.get("email")
