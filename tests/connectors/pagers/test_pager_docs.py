"""The examples in the operator's pages are configurations that load, and every key is described."""

from __future__ import annotations

import re

import pytest
import yaml

from connectors import apprise_pager, email_pager, sms_pager
from connectors.apprise_pager.fake import SLACK_PATH
from connectors.apprise_pager.settings import ApprisePagerSettings, Destination
from connectors.email_pager.settings import EmailPagerSettings, SmtpSettings
from connectors.sms_pager.settings import GatewayAuth, GatewaySettings, SmsPagerSettings, TwilioSettings, VonageSettings
from ingestd.config.masking import is_secret_key

FACTORIES = {factory.kind: factory for factory in (apprise_pager.factory, email_pager.factory, sms_pager.factory)}
PAGES = ["apprise.md", "email-pager.md", "sms-pager.md"]


def with_secrets(value):
    """The mapping after ``x_file`` was replaced by what such a file may hold."""
    if not isinstance(value, dict):
        return value
    if "url_file" in value:
        value = {**value, "url": f"https://hooks.slack.com{SLACK_PATH}"}
        del value["url_file"]
    return {
        (stem if name.endswith("_file") and is_secret_key(stem := name.removesuffix("_file")) else name): with_secrets(
            content
        )
        for name, content in value.items()
    }


def examples(text: str) -> list[dict]:
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize("page", PAGES)
def test_every_example_loads(root, page):
    found = examples((root / "docs" / "connectors" / page).read_text(encoding="utf-8"))
    assert found
    for example in found:
        for settings in example["connectors"].values():
            kind = settings.pop("kind")
            FACTORIES[kind].settings_type.model_validate(with_secrets(settings))


@pytest.mark.parametrize(
    ("page", "models"),
    [
        ("apprise.md", [ApprisePagerSettings, Destination]),
        ("email-pager.md", [EmailPagerSettings, SmtpSettings]),
        ("sms-pager.md", [SmsPagerSettings, TwilioSettings, VonageSettings, GatewaySettings, GatewayAuth]),
    ],
)
def test_every_key_is_described(root, page, models):
    text = (root / "docs" / "connectors" / page).read_text(encoding="utf-8")
    for model in models:
        for name, field in model.model_fields.items():
            assert re.search(rf"\b{field.alias or name}(_file)?\b", text), (
                f"{page} does not describe {field.alias or name}"
            )
