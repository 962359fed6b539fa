"""Whose mail a source believes, as the configuration says it."""

from __future__ import annotations

import pytest

from ingestd.config.problems import ConfigProblems
from ingestd.core.mail.trust import Trust

LISTENER = 'mail: {listener: {listen: "127.0.0.1:2525"}}\n'
TRUSTED = 'mail: {listener: {listen: "127.0.0.1:2525", trusted_networks: [192.0.2.25]}}\n'


@pytest.fixture
def loaded(load_text, good):
    """``loaded("auth: none")``: a configuration with a source of mail that says so."""

    def load(email: str, mail: str = TRUSTED):
        post = f"  post: {{kind: email, email: {{recipients: [a@example.com], {email}}}}}\nconnectors:\n"
        return load_text(good.replace("connectors:\n", post, 1) + mail)

    return load


def test_all_that_is_said_of_trust_reaches_the_readers_of_mail(loaded):
    said = "authserv_id: MX.example.com, senders: [Nagios@Example.com, '@alerts.example.com'], reports_per_hour: 3"
    assert loaded(said).config.ways_of("post").mail.trust == Trust(
        authserv_id="MX.example.com", senders=("nagios@example.com", "@alerts.example.com"), reports_per_hour=3
    )
    unproved = loaded("auth: none, recovery_without_proof: true").config.ways_of("post").mail.trust
    assert unproved == Trust(takes_unauthenticated=True, resolves_unproved=True)


def problem(loaded, email: str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        loaded(email)
    (only,) = caught.value.problems
    return f"{only.text}: {only.hint}"


def test_recoveries_without_proof_need_mail_without_proof(loaded):
    assert "auth: none" in problem(loaded, "recovery_without_proof: true")


def test_a_sender_is_an_address_or_a_domain_with_its_at_sign(loaded):
    assert "'@example.com'" in problem(loaded, "senders: [example.com]")


def unproved(found) -> list[str]:
    return [one.hint for one in found.lint if one.code == "mail-unproved"]


@pytest.mark.parametrize(
    ("email", "mail", "hint"),
    [
        ("senders: ['@example.com']", LISTENER, "authserv_id"),
        ("authserv_id: mx.example.com", LISTENER, "trusted_networks"),
        ("authserv_id: mx.example.com", TRUSTED, ""),
        ("reports_per_hour: 3", TRUSTED, ""),
        ("auth: none", LISTENER, ""),
    ],
)
def test_a_source_of_which_no_mail_can_ever_be_believed_is_told(loaded, email, mail, hint):
    told = unproved(loaded(email, mail))
    assert len(told) == bool(hint)
    assert all(hint in one for one in told)
