"""Several connectors of a channel, and countries: whom nobody serves is found when the file is read."""

from __future__ import annotations

import pytest

from ingestd.config.policy import build_policy
from ingestd.config.problems import ConfigProblems, render_all
from ingestd.core.names import Channel

INDIA = '{to: sms-india, countries: ["+91"]}'
SMS = (
    "  sms-india: {kind: sms_pager, vonage: {api_key: a, api_secret: secret-1, from: ingestd}}\n"
    "  sms: {kind: sms_pager, vonage: {api_key: b, api_secret: secret-2, from: ingestd}}\n"
)


@pytest.fixture
def routed(good):
    """A configuration with these routes for text messages, and asha with this number."""

    def text(routes: str, phone: str = "+919812345678") -> str:
        with_connectors = good.replace("channels: {email: mail}", f"{SMS}channels: {{email: mail, sms: {routes}}}")
        return with_connectors.replace("asha@example.com}", f'asha@example.com, phone: "{phone}"}}')

    return text


def test_the_vendor_of_the_country_comes_first_and_the_others_follow(load_text, routed):
    policy = build_policy(load_text(routed(f"[sms, {INDIA}]")))
    assert policy.connectors_of(Channel.SMS, "+919812345678") == ("sms-india", "sms")
    assert policy.connectors_of(Channel.SMS, "+4915112345678") == ("sms",)
    assert policy.connectors_of(Channel.EMAIL, "x@example.com") == ("mail",)


@pytest.mark.parametrize(
    ("routes", "phone"),
    [
        (f"[{INDIA}]", "+91 98123 45678"),
        (f"[{INDIA}, sms]", "+4915112345678"),
        (f"[{INDIA}, {{to: sms}}]", "+4915112345678"),
        (f'[{INDIA}, {{to: sms, countries: ["+49", "+44"]}}]', "+49 1511 2345678"),
        ("sms", "+4915112345678"),
    ],
)
def test_a_number_that_somebody_serves_is_no_problem(load_text, routed, routes, phone):
    assert load_text(routed(routes, phone)).lint == ()


def test_a_number_that_nobody_serves_is_a_problem_where_it_stands(load_text, routed):
    with pytest.raises(ConfigProblems) as caught:
        load_text(routed(f"[{INDIA}]", "+4915112345678"))
    assert (
        render_all(caught.value.problems)
        == """\
config.yaml:10:42: error[no-vendor]: no connector of the channel sms is for the country of asha's number
   |
10 |   asha: {email: asha@example.com, phone: "+4915112345678"}
   |                                          ^^^^^^^^^^^^^^^^ add the country to one of them, or a connector without countries at the end\
"""
    )


def test_so_is_the_number_of_a_last_resort(load_text, routed):
    text = routed(f"[{INDIA}]").replace(
        "default: {steps: [{page: [asha], wait: 5m}]}",
        'default: {steps: [{page: [asha]}], last_resort: {phone: "+4915112345678"}}',
    )
    with pytest.raises(ConfigProblems) as caught:
        load_text(text)
    assert [(one.code, "last resort of default" in one.text) for one in caught.value.problems] == [("no-vendor", True)]


def test_a_number_that_is_none_is_told_by_the_model_alone(load_text, routed):
    with pytest.raises(ConfigProblems) as caught:
        load_text(routed(f"[{INDIA}]", "12"))
    assert [one.code for one in caught.value.problems] == ["phone"]


def test_a_connector_that_stands_twice_is_lint(load_text, routed):
    (lint,) = load_text(routed('[sms, {to: sms, countries: ["+49"]}]')).lint
    assert (lint.code, lint.line) == ("duplicate-route", 8)


def test_a_connector_that_does_not_exist_is_told_in_a_list_too(load_text, routed):
    with pytest.raises(ConfigProblems) as caught:
        load_text(routed('[smss, {to: mial, countries: ["+91"]}]'))
    assert [(one.code, one.line) for one in caught.value.problems] == [("unknown-connector", 8)] * 2
