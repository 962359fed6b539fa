"""What is found in a configuration of mail before a mail is lost over it."""

from __future__ import annotations

import pytest

from ingestd.errors import IngestdError

MAIL_SOURCE = "\n  {name}:\n    kind: email\n    email: {{recipients: [{recipients}], auth: none}}"


def with_mail(good: str, listener: str, *sources: tuple[str, str]) -> str:
    """The good configuration with these sources and a section ``mail``."""
    written = "".join(MAIL_SOURCE.format(name=name, recipients=recipients) for name, recipients in sources)
    assert "sources:" in good
    text = good.replace("sources:", f"sources:{written}", 1)
    return text + (f"\nmail:\n  {listener}\n" if listener else "")


def lint_of(load_text, text: str) -> list[tuple[str, str]]:
    return [(one.code, one.text) for one in load_text(text).lint]


def test_an_address_has_one_source(load_text, good):
    text = with_mail(
        good, "listener: {}", ("ops", "Alerts@example.com"), ("disks", "disk@example.com, alerts@example.com")
    )
    with pytest.raises(IngestdError) as caught:
        load_text(text)
    assert [(one.code, one.text) for one in caught.value.problems] == [
        ("duplicate-recipient", '"alerts@example.com" is a recipient of "ops" already')
    ]


def test_a_source_of_mail_needs_a_door(load_text, good):
    assert lint_of(load_text, with_mail(good, "", ("ops", "a@example.com"))) == [
        ("no-mail-door", 'no mail can reach "ops": there is neither a listener nor a mailbox')
    ]
    assert lint_of(load_text, with_mail(good, "listener: {listen: 127.0.0.1:25}", ("ops", "a@example.com"))) == []


@pytest.mark.parametrize(
    ("listener", "codes"),
    [
        ("{listen: ':25'}", ["mail-open"]),
        ("{listen: ':25', allowed_networks: [192.0.2.1]}", []),
        ("{listen: '[::1]:25'}", []),
        (
            "{listen: ':25', auth: {users: [{username: a, passwords: [correct-horse]}]}}",
            ["auth-without-tls", "mail-open"],
        ),
        (
            "{listen: ':25', auth: {required: true, users: [{username: a, passwords: [correct-horse]}]}}",
            ["auth-without-tls"],
        ),
    ],
)
def test_a_door_that_is_open_to_everybody_is_shown(load_text, good, listener, codes):
    text = with_mail(good, f"listener: {listener}", ("ops", "a@example.com"))
    assert sorted(code for code, _ in lint_of(load_text, text)) == codes


@pytest.mark.parametrize(
    ("listener", "code"),
    [
        ("{listen: '25'}", "address"),
        ("{require_tls: true}", "missing-key"),
        ("{tls: {cert_file: no.pem, key_file: no.key}}", "missing-file"),
        ("{auth: {users: []}}", "value"),
        ("{auth: {users: [{username: a, passwords: [short]}]}}", "value"),
        ("{hostname: 'two words'}", "value"),
        ("{limits: {message_bytes: 20MiB}}", "value"),
        ("{limits: {connection: 5}}", "unknown-key"),
    ],
)
def test_what_is_wrong_with_a_listener_is_said(load_text, good, listener, code):
    with pytest.raises(IngestdError) as caught:
        load_text(with_mail(good, f"listener: {listener}", ("ops", "a@example.com")))
    assert code in {one.code for one in caught.value.problems}


@pytest.mark.parametrize(
    ("reports", "lint"),
    [
        ("{}", [("reports-unanswered", 'nobody who reports something to "help" is answered')]),
        ("{answer: mail}", []),
        ("{answer: none}", []),
    ],
)
def test_a_source_whose_reporters_hear_nothing_says_so(load_text, good, reports, lint):
    source = f"sources:\n  help:\n    kind: email\n    email: {{recipients: [h@example.com], authserv_id: mx, reports: {reports}}}"
    listener = "\nmail:\n  listener: {listen: 127.0.0.1:25, trusted_networks: [127.0.0.0/8]}\n"
    assert lint_of(load_text, good.replace("sources:", source, 1) + listener) == lint
