"""Every named reason has words, so that a new one cannot reach people as a bare constant."""

from __future__ import annotations

import pytest

from ingestd.cli import words
from ingestd.core.effects import DeadlineKind, DropReason, JoinReason, Verdict, VerdictReason
from ingestd.core.mail.mail_words import MailDisposition, MailReason
from ingestd.core.names import EffectKind, IncidentState
from ingestd.core.settle import DeliveryState
from ingestd.core.sources.quarantine import QuarantineReason
from ingestd.store.reply_taking import ReplyResult
from ingestd.workers.processor import INTERNAL_ERROR, disposition_of


@pytest.mark.parametrize(
    ("vocabulary", "known"),
    [
        (Verdict, words.VERDICTS),
        (VerdictReason, words.VERDICT_REASONS),
        (JoinReason, words.JOINS),
        (DropReason, words.DROP_REASONS),
        (DeadlineKind, words.DEADLINES),
        (EffectKind, words.EFFECTS),
        (DeliveryState, words.DELIVERY_STATES),
        (IncidentState, words.INCIDENT_STATES),
    ],
)
def test_every_word_of_the_vocabulary_has_words_for_people(vocabulary, known):
    assert {member.value for member in vocabulary} == set(known)


def test_every_reason_of_quarantine_has_words():
    assert {*QuarantineReason, INTERNAL_ERROR} == set(words.QUARANTINE_REASONS)


def test_every_disposition_has_words():
    findings = [
        {"verdict": verdict.value, "join": join.value if join else None}
        for verdict in Verdict
        for join in (*JoinReason, None)
    ]
    reached = {disposition_of([finding]) for finding in findings} | {disposition_of([]), "quarantined"}
    assert reached | {*MailDisposition} == set(words.DISPOSITIONS)


def test_every_reason_of_mail_has_words():
    assert {*MailReason, *ReplyResult} == set(words.MAIL_REASONS)


def test_a_reason_is_told_in_words_and_by_its_name():
    assert words.worded(words.JOINS, "opened") == "opened (opened)"
    assert words.worded(words.JOINS, "brand_new") == "brand_new"
    assert words.worded(words.JOINS, None) == ""
