"""What is left of a wrong rule is looked through for more: whatever is wrong with it, that neither fails nor hides what stands there."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingestd.config.mending import validate_rest
from ingestd.config.problems import render_all
from ingestd.config.rule_model import RuleFileModel, RuleModel
from ingestd.config.rule_test_model import RuleTestModel
from ingestd.config.stage_model import EnrichModel, MaintenanceModel
from ingestd.config.validation import keys_at, validate
from ingestd.config.yaml_tree import parse_document

MODELS = {
    RuleFileModel: {},
    RuleModel: {"rule": "rule-1", "match": []},
    EnrichModel: {"name": "step-1", "add": {"_": "_"}},
    MaintenanceModel: {"name": "window-1", "match": [], "when": [{"weekdays": ["monday"]}]},
    RuleTestModel: {"name": "unnamed", "expect": {"severity": "high"}},
}
KEYS = sorted(
    {key for model in MODELS for key in keys_at(model, ())} | {"by", "within", "to", "equal", "regex", "from"}
)
keys = st.sampled_from([*KEYS, "machtes", "urgancy", "Rule", "0", "[key]"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-1, 9)
    | st.sampled_from(["", "5m", "high", "hgih", "a = b", "none", "_ = _", "2027-01-01", "{{ x }}"])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(written={"inhibit_by": [None, None], "extract": [1, 2, 3], "steps": [None, {}]})
@given(written=st.dictionaries(keys, values, max_size=6) | values)
def test_whatever_is_written_is_looked_through_to_the_end(model, written):
    text = json.dumps(written)
    once = parse_document(text, "a.yaml")
    twice = parse_document(text, "a.yaml")
    assert once.root is not None
    assert twice.root is not None
    is_right = validate(once, once.root, model) is not None
    found, is_whole = validate_rest(twice, twice.root, model, MODELS[model])
    assert is_whole == (is_right and "empty" not in {problem.code for problem in twice.problems})
    assert bool(twice.problems) is not is_whole
    assert found is None or isinstance(found, model)
    told = {(problem.line, problem.column) for problem in twice.problems}
    assert {(problem.line, problem.column) for problem in once.problems} <= told, render_all(once.problems)


def test_what_is_wrong_is_taken_out_and_the_rest_stays():
    text = "rule: x\nurgancy: high\nmatch: [5, a = b]\nhold: 5\nresolve_on: al\ndedup: {by: [a], within: 5}\nflap: {count: 3}\n"
    document = parse_document(text, "a.yaml")
    assert document.root is not None
    found, is_whole = validate_rest(document, document.root, RuleModel)
    assert not is_whole
    assert found == RuleModel.model_validate(
        {"rule": "x", "urgency": "high", "match": ["_ = _", "a = b"], "resolve_on": "all", "dedup": {"by": ["a"]}}
    )
    codes = sorted(problem.code for problem in document.problems)
    assert codes == ["duration", "duration", "matcher", "missing-key", "unknown-key", "value"]
