"""Expectations that are typed and not written in a file: ``severity=high``, ``pages=asha+ben``."""

from __future__ import annotations

from collections.abc import Mapping

from ingestd.config.load import Loaded
from ingestd.config.problems import did_you_mean
from ingestd.config.rule_test_model import ExpectModel
from ingestd.config.validation import validate
from ingestd.config.yaml_tree import Document, Entry, Node, Scalar, Sequence, Span, WrittenInt
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.trial.rule_tests import expectable_names

_NOWHERE = Span(0, 0, 0)


class VerifyError(ValueError):
    """What was typed can never hold. ``hint`` says what to type and may be empty."""

    def __init__(self, text: str, *, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def expectation(texts: Mapping[str, str], loaded: Loaded) -> ExpectModel:
    """The expectation of these keys and values. Raises ``VerifyError`` for a key, value or name that does not exist."""
    document = Document("", [])
    root = YamlMapping(_NOWHERE, {key: Entry(_NOWHERE, _node(key, text)) for key, text in texts.items()})
    expect = validate(document, root, ExpectModel)
    if expect is None:
        problem = document.problems[0]
        raise VerifyError(problem.text, hint=problem.hint)
    for key, (what, known) in expectable_names(loaded).items():
        value = getattr(expect, key)
        for name in value if isinstance(value, tuple) else (value,):
            if isinstance(name, str) and name not in known:
                raise VerifyError(f'{what} "{name}" is not defined', hint=did_you_mean(name, known))
    return expect


def _node(key: str, text: str) -> Node:
    is_count = text.isascii() and text.isdigit() and len(text) < 10
    if is_count and key in {"incidents", "tickets", "pages"}:
        return Scalar(_NOWHERE, WrittenInt(text), is_plain=True)
    if key == "pages" and text != "none":
        return Sequence(_NOWHERE, [Scalar(_NOWHERE, name, is_plain=True) for name in text.split("+")])
    return Scalar(_NOWHERE, text, is_plain=True)
