"""``ingestd reply``: a mail that answers a page, handed in by the mail server that received it."""

from __future__ import annotations

import sys
from typing import ClassVar, Final

import click

from ingestd.cli.api import segment
from ingestd.cli.failures import Failure
from ingestd.cli.program import Program, Verb, output_option
from ingestd.core.mail_reply import MESSAGE_BYTES_MAX

_CHUNK_BYTES: Final = 65_536
_WORDS: Final = {
    "acted": "done",
    "late": "nothing changed: somebody was first, or it was over",
    "helped": "not understood: the sender is told how to answer",
    "unknown_page": "nothing changed: it names no page of the sender",
    "unbound": "nothing changed: it answers no page, or one that is older than 72 hours",
    "foreign_sender": "nothing changed: it answers a page, and does not come from the person who was paged",
    "automatic": "nothing changed: a program has written it",
    "repeated": "nothing changed: it was handed in before",
}


class TryAgainLater(Failure):
    """The mail server should keep the mail and try again: EX_TEMPFAIL of sysexits.h."""

    exit_code: ClassVar[int] = 75


@click.command(
    cls=Verb,
    examples=[
        ("cat message.eml | ingestd reply --connector mail", "hand in one mail, by hand"),
        ("ingestd reply --connector mail --token-file /etc/ingestd/reply-token", "what the mail server pipes to"),
    ],
)
@click.option("--connector", required=True, metavar="NAME", help="The email connector whose pages are answered.")
@output_option()
@click.pass_obj
def command(program: Program, connector: str) -> None:
    """Hand in a mail that answers a page.

    The whole message comes on standard input, as mail servers pipe it to a program; docs/connectors/email-pager.md says how to set that up.
    Needs a token with the role responder. Exit code 0 once the daemon has it, whatever came of it; 75 if it could not be reached or
    did not take it: the mail server then keeps the mail and tries again.
    """
    stream = sys.stdin.buffer
    raw = stream.read(MESSAGE_BYTES_MAX)
    if not raw.strip():
        raise Failure("standard input holds no mail", hint="ingestd reply --connector mail < message.eml")
    while stream.read(_CHUNK_BYTES):
        continue  # quoted text and attachments; a mail server that could not write them would take that for a failure
    path = f"/api/v1/replies/{segment(connector)}"
    try:
        answer = program.api.hand_in(path, raw, content_type="message/rfc822")
    except Failure as failure:
        raise TryAgainLater(failure.message, hint=failure.hint) from None
    if program.is_json:
        program.terminal.json(answer)
        return
    result = str(answer.get("result"))
    incidents = ", ".join(map(str, answer.get("incidents") or ()))
    program.terminal.note(f"{incidents}: {_WORDS.get(result, result)}" if incidents else _WORDS.get(result, result))
