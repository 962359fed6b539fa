"""Codes of problems with sources, doors for mail, profiles of machine mail and JSON mappings; ``codes`` holds all."""

from __future__ import annotations

from typing import Final

from ingestd.config.code import Code

INTAKE_CODES: Final[dict[str, Code]] = {
    "duplicate-recipient": Code(
        "Two sources list the same address, or one lists it twice: only the first of them would get its mail.",
        "Give each source an address of its own; name+anything is taken along with name.",
        "recipients: [alerts@example.com, Alerts@example.com]",
        "recipients: [alerts@example.com]",
    ),
    "no-mail-door": Code(
        "A source of mail cannot be reached: nothing takes mail in.",
        "Add a listener or a mailbox under mail.",
        right="mail:\n  listener: {listen: 127.0.0.1:2525}",
    ),
    "mail-unproved": Code(
        "No mail to this source can ever be shown to be from whom it names, so all of it is put aside.",
        "Say what shows it: authserv_id (with trusted_networks, where mail comes by the listener), auth of the listener, or"
        " trusted_networks. Or take machine mail without proof: auth: none.",
        "email: {recipients: [alerts@example.com]}",
        "email: {recipients: [alerts@example.com], authserv_id: mx.example.com}",
    ),
    "reports-unanswered": Code(
        "People may report things to this source, and none of them hears of it again: neither a number nor that it is over.",
        "Name the connector that answers them, or say that nobody does: answer: none.",
        "email: {recipients: [help@example.com], reports: {services: {shop: []}}}",
        "email: {recipients: [help@example.com], reports: {answer: mail, services: {shop: []}}}",
    ),
    "mail-open": Code(
        "Whoever reaches this machine can hand in mail for your sources. Nobody is paged by what is not proved, but it is stored.",
        "List the relays under allowed_networks, or let senders log in.",
        "listener: {listen: ':25'}",
        "listener: {listen: ':25', allowed_networks: [192.0.2.25]}",
    ),
    "auth-without-tls": Code(
        "There are users for the listener and no certificate: passwords are taken over TLS alone, so nobody from elsewhere can log in.",
        "Give the listener a certificate.",
    ),
    "unknown-mail-profile": Code(
        "No profile of machine mail has this name: neither one that comes with ingestd nor one under mail_profiles.",
        "Correct the name, or define it under mail_profiles.",
    ),
    "unknown-field": Code(
        "A profile of machine mail uses a field that nothing in it finds, or looks through a text that mail does not have.",
        "Name a group of extract like it: (?P<host>...); or use subject, steady_subject or sender.",
        "extract: {from: alert.subject, regex: 'on (?P<host>\\S+)'}\nidentity: [hots]",
        "extract: {from: alert.subject, regex: 'on (?P<host>\\S+)'}\nidentity: [host]",
    ),
    "unknown-mail-source": Code(
        "A mailbox names a source that there is not, or one that takes no mail: what is in it would have nowhere to go.",
        "Name a source of kind email.",
    ),
    "json-path": Code(
        "A path, or a text with paths, of a JSON mapping cannot be read: it would find nothing, and nobody would notice until an alert is missing something.",
        "Write data.items[0].name, ['a key with spaces'], or words with paths in braces. There are no filters and no search at any depth. "
        "Try it with a body: ingestd source test NAME FILE.",
        "labels: {host: data..host}",
        "labels: {host: data.host}",
    ),
}
"""By code."""
