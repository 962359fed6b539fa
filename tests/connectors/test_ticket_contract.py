"""The contract of ``ingestd.testing.connector_contract`` over every ticket connector, each against the model of its service."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import connectors.freshdesk
import connectors.jira
import connectors.ticket_folder
from connectors.freshdesk.fake import Fault as FreshdeskFault
from connectors.freshdesk.fake import FreshdeskFake
from connectors.jira.fake import Fault as JiraFault
from connectors.jira.fake import JiraFake
from ingestd.ports import ConnectorTools
from ingestd.testing.connector_contract import TicketContract
from ingestd.testing.ticket_world import OPENED_AT, Mishap, TicketWorld

SECRET = "s3cret-of-the-agent"


class Hands:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = OPENED_AT

    def read(self):
        return self.now


class FreshdeskWorld:
    secrets = (SECRET,)

    def __init__(self, **account: Any) -> None:
        self.hands = Hands()
        self.fake = FreshdeskFake(self.hands.read, api_key=SECRET)
        self.options = {"group": "Databases", "type": "Incident", "tags": ["storage"]}
        written = {
            "url": "https://acme.freshdesk.com",
            "api_key": SECRET,
            "requester_email": "ingestd@example.com",
            "marker_field": "cf_ingestd_key",
            "custom_fields": {"cf_site": "Hamburg"},
            **account,
        }
        factory = connectors.freshdesk.factory
        self.system = factory.build("desk", factory.settings_type(**written), tools(self.fake))

    def tickets(self):
        return self.fake.tickets()

    def pass_time(self, seconds):
        self.hands.now += timedelta(seconds=seconds)

    def make_search_late(self, seconds):
        self.fake.index_lag_seconds = seconds

    def break_next_write(self, mishap):
        self.fake.faults.append(FreshdeskFault[mishap.name])
        return True

    def edit_by_hand(self, ref):
        self.fake.edit(ref.id, subject="my words", responder_id=77, group_id=7001, tags=["mine"], type="Problem")

    def human_part(self, ref):
        ticket = self.fake.desk.find(int(ref.id))
        return {name: value for name, value in ticket.items() if name not in {"status", "priority", "updated_at"}}

    def remove(self, ref):
        self.fake.edit(ref.id, deleted=True)

    def files(self):
        return [(name, content) for _, name, content in self.fake.files]

    def foreign_markup(self):
        texts = [text for ticket in self.tickets() for text in (ticket["description"], *ticket["comments"])]
        return [found for text in texts for found in ForeignHtml.found_in(text)]


class ForeignHtml(HTMLParser):
    """Collects tags that the connector does not make, addresses that are not http, and tags that stay open."""

    OURS = frozenset({"p", "br", "table", "tr", "td", "h3", "ul", "li", "strong", "em", "a"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    @classmethod
    def found_in(cls, text):
        parser = cls()
        parser.feed(text)
        parser.close()
        return [*parser.found, *(f"<{tag}> stays open" for tag in parser.open)]

    def handle_starttag(self, tag, attrs):
        address = dict(attrs).get("href")
        if (
            tag not in self.OURS
            or {name for name, _ in attrs} - {"href", "rel"}
            or (address and not address.startswith("http"))
        ):
            self.found.append(self.get_starttag_text())
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}>")

    def handle_comment(self, data):
        self.found.append(f"<!--{data}-->")


class FolderWorld:
    secrets = ()

    def __init__(self, path: Path) -> None:
        self.options: dict[str, Any] = {}
        self.path = path
        factory = connectors.ticket_folder.factory
        self.system = factory.build("folder", factory.settings_type(path=path), tools(None))

    def tickets(self):
        return [self._ticket(path) for path in sorted(self.path.glob("*.md"))]

    def _ticket(self, path):
        _, front_matter, body = path.read_text().split("---\n", 2)
        fields = yaml.safe_load(front_matter)
        description, *comments = re.split(r"\n## [^\n]*\n(?=<!-- ingestd: )", body)
        return {
            "id": path.name,
            "title": fields["title"],
            "description": description,
            "priority": fields["priority"],
            "tags": [],
            "is_done": fields["status"] == "resolved",
            "comments": comments,
        }

    def pass_time(self, seconds):
        assert seconds in {0, 60}, "the folder has no window to wait for"

    def make_search_late(self, seconds):
        assert seconds == 0

    def break_next_write(self, mishap):
        return False  # there is no network between the connector and its files

    def edit_by_hand(self, ref):
        path = self.path / ref.id
        path.write_text(path.read_text().replace("# INC-1042: ", "assigned to ada\n\n# ") + "\nmy own finding\n")

    def human_part(self, ref):
        text = re.sub(r"^(status|priority): .*\n", "", (self.path / ref.id).read_text(), flags=re.MULTILINE)
        return text[: text.index("my own finding") + len("my own finding")]

    def remove(self, ref):
        (self.path / ref.id).unlink()

    def files(self):
        paths = sorted(self.path.glob("*.files/*"))
        assert not any(path.stat().st_mode & 0o111 for path in paths), (
            "a file that came with an alert is never executable"
        )
        return [(path.name, path.read_bytes()) for path in paths]

    def foreign_markup(self):
        return [found for path in self.path.glob("*.md") for found in foreign_markdown(path.read_text())]


def foreign_markdown(text):
    _, front_matter, body = text.split("---\n", 2)
    if yaml.safe_load(front_matter)["status"] not in {"open", "resolved"}:
        yield front_matter
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body)
    for token in (token for block in blocks for token in (block, *(block.children or ()))):
        if token.type == "html_block" and re.fullmatch(r"<!-- ingestd: [\w/-]+ -->\s*", token.content):
            continue
        is_foreign_link = token.type == "link_open" and not re.match(
            r"https?://|INC-1042\.files/[\w%.~-]+$", token.attrGet("href")
        )
        foreign = {
            "html_block",
            "html_inline",
            "image",
            "table_open",
            "s_open",
            "fence",
            "code_block",
            "hr",
            "em_open",
            "blockquote_open",
        }
        if token.type in foreign or is_foreign_link:
            yield f"{token.type} {token.content}"


class JiraWorld:
    secrets = (SECRET,)

    def __init__(self, *, is_cloud: bool) -> None:
        self.options = {"project": "OPS"}
        self.hands = Hands()
        self.fake = JiraFake(self.hands.read, is_cloud=is_cloud, email="bot@example.com", token=SECRET)
        account = (
            {"email": "bot@example.com", "url": "https://acme.atlassian.net"}
            if is_cloud
            else {"url": "https://jira.example"}
        )
        factory = connectors.jira.factory
        deployment = "cloud" if is_cloud else "datacenter"
        written = factory.settings_type(token=SECRET, deployment=deployment, project="OPS", **account)
        self.system = factory.build("jira", written, tools(self.fake))

    def tickets(self):
        issues = self.fake.issues
        # The description as JSON: addresses of links are not in its plain text.
        return [
            {**ticket, "description": json.dumps(issues[ticket["id"]].fields["description"])}
            for ticket in self.fake.tickets()
        ]

    def pass_time(self, seconds):
        self.hands.now += timedelta(seconds=seconds)

    def make_search_late(self, seconds):
        self.fake.index_lag_seconds = seconds

    def break_next_write(self, mishap):
        self.fake.faults.append(JiraFault[mishap.name])
        return True

    def edit_by_hand(self, ref):
        issue = self.fake.issues[ref.id]
        issue.fields |= {"summary": "my words", "labels": ["mine"], "assignee": {"accountId": "ada"}}
        self.fake.touch(issue)

    def human_part(self, ref):
        return {name: value for name, value in self.fake.issues[ref.id].fields.items() if name != "priority"}

    def remove(self, ref):
        del self.fake.issues[ref.id]

    def files(self):
        return [file for issue in self.fake.issues.values() for file in issue.files]

    def foreign_markup(self):
        issues = self.fake.issues.values()
        bodies = [
            body
            for issue in issues
            for body in (issue.fields["description"], *(comment["body"] for comment in issue.comments))
        ]
        return [
            found for body in bodies for found in (foreign_wiki(body) if isinstance(body, str) else foreign_adf(body))
        ]


def foreign_adf(node):
    for mark in node.get("marks", ()):
        if mark["type"] not in {"link", "strong", "code"} or not str(
            mark.get("attrs", {}).get("href", "http")
        ).startswith("http"):
            yield str(mark)
    if node["type"] in {
        "media",
        "mediaSingle",
        "inlineCard",
        "mention",
        "extension",
        "bodiedExtension",
        "emoji",
        "status",
    }:
        yield str(node)
    for child in node.get("content", ()):
        yield from foreign_adf(child)


def foreign_wiki(text):
    outside = re.sub(r"\{noformat\}\n.*?\n\{noformat\}", "", text, flags=re.DOTALL)
    yield from re.findall(r"(?<!\\)\{[^\n]{0,20}", outside)
    yield from re.findall(r"(?<!\\)\[(?!ingestd )(?![^\]\n]*\|https?://)[^\n]{0,20}", outside)
    yield from re.findall(r"(?<!\\)![^\s!][^!\n]*(?<!\\)!", outside)
    yield from re.findall(r"^(?:h[12456]|bq)\..*", outside, re.MULTILINE)


def tools(http: Any) -> ConnectorTools:
    return ConnectorTools(http=http, mail=lambda written: pytest.fail("a ticket connector sends no mail"))


WORLDS = ("freshdesk", "freshdesk without a marker field", "ticket_folder", "jira cloud", "jira data center")


@pytest.fixture(params=WORLDS)
def make_world(request, tmp_path) -> Callable[[], TicketWorld]:
    numbers = count()
    makers: dict[str, Callable[[], TicketWorld]] = {
        "freshdesk": FreshdeskWorld,
        "freshdesk without a marker field": lambda: FreshdeskWorld(marker_field=""),
        "ticket_folder": lambda: FolderWorld(tmp_path / str(next(numbers))),
        "jira cloud": lambda: JiraWorld(is_cloud=True),
        "jira data center": lambda: JiraWorld(is_cloud=False),
    }
    return makers[request.param]


@pytest.mark.parametrize("check", TicketContract.checks())
async def test_the_contract_holds(make_world, check):
    await getattr(TicketContract(make_world), check)()


HOSTILE = st.text(st.characters(exclude_categories=()), max_size=400) | st.text(
    "<>&\"'`*_[]{}()#|~!\\-+^= \n\r\t\x00.:/ahtp1", max_size=300
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HOSTILE)
async def test_no_text_of_an_alert_does_harm(make_world, text):
    await TicketContract(make_world).hostile_text_does_no_harm(text)


def test_the_contract_has_a_check_for_each_promise():
    assert len(TicketContract.checks()) >= 15


def test_the_models_know_every_mishap():
    assert {mishap.name for mishap in Mishap} <= {fault.name for fault in FreshdeskFault} & {
        fault.name for fault in JiraFault
    }
