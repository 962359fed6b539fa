"""Whatever is said of a drill says TEST first."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from connectors.email_pager.content import content_of
from connectors.sms_pager.text import compose, is_same_page
from ingestd.core.names import EffectKey

KEY = EffectKey("INC-1042/sms/page/3")
UTC = ZoneInfo("UTC")


@pytest.mark.parametrize("purpose", ["page", "resolved"])
def test_a_text_message_and_a_mail_about_a_drill_begin_with_test(make_page, purpose):
    page = make_page(purpose=purpose, incident={"is_test": True})
    assert compose(page, KEY, UTC).startswith("TEST ")
    content = content_of(page, UTC, "link")
    assert content.subject.startswith("[TEST ")
    assert content.headline.startswith("TEST ")


def test_a_text_message_about_a_drill_is_found_again_and_is_no_other(make_page):
    drill, earnest = make_page(incident={"is_test": True}), make_page()
    assert is_same_page(compose(drill, KEY, UTC), drill, KEY)
    assert not is_same_page(compose(drill, KEY, UTC), earnest, KEY)
    assert not is_same_page(compose(earnest, KEY, UTC), drill, KEY)
