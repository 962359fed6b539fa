"""What stands on the page: first what a woken person needs, all of it escaped, small, and readable in both themes."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

import ingestd.web
from ingestd.core.names import EffectKind
from ingestd.core.policy import Step
from ingestd.store import outbox
from ingestd.store.answers import AnswerAction
from ingestd.testing.world import alertmanager_body, policy
from ingestd.web.pages import PAGE_BYTES_MAX

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "\u202egnp.exe\x1b[31m\x00 line\nbreak",
    "&lt;b&gt;",
]


async def test_what_matters_comes_first(office, client, parse_page):
    office.fires(annotations={"summary": "Disk full on db1", "runbook_url": "https://wiki.example/disk"})
    office.has_ticket()
    page = parse_page(await (await client.get(office.link())).text())
    text = page.text.removeprefix(page.text.split(" high ", 1)[0])
    order = [
        "high INC-1001 triggered",
        "Disk full on db1",
        "Since 02:00:00 UTC, just now",
        "Nobody has acknowledged it yet.",
        "Acknowledge INC-1001",
        "Next Bo at 02:05:00 UTC (in 5 min), unless somebody acknowledges. In charge: nobody yet",
        "Open the runbook",
        "Ticket OPS-7",
        "Escalate to the next level",
        "Add a note",
        "Impact medium",
        "Alerts: 1 of 1 alert firing",
        "Ada (L1) by sms: not sent yet",
        "What happened, newest first",
        "alert fired",
    ]
    places = [text.find(piece) for piece in order]
    assert -1 not in places, dict(zip(order, places, strict=True))
    assert places == sorted(places)


async def test_firing_alerts_stand_before_cleared_ones(office, client, parse_page):
    office.fires(host="db1")
    office.clock.advance(seconds=1)
    office.fires(host="db2")
    office.clock.advance(seconds=1)
    over = {"alertname": "DiskFull", "host": "db1", "cluster": "a", "_ends": office.clock.at.isoformat()}
    office.receive(alertmanager_body(over, status="resolved"))
    office.decide()
    text = parse_page(await (await client.get(office.link())).text()).text
    text = text[text.index("Alerts:") :]
    assert "1 of 2 alerts firing" in text
    assert text.index("DiskFull on db2") < text.index("DiskFull on db1")


async def test_the_severity_is_a_word_a_shape_and_a_colour(office, client, parse_page):
    office.fires()
    page = parse_page(await (await client.get(office.link())).text())
    assert {"class": "badge high"} in page.named("span")
    assert page.named("path"), "a shape for those who cannot tell the colours"
    assert {"viewbox": "0 0 24 24", "aria-hidden": "true"} in page.named("svg")


@pytest.mark.parametrize("text", HOSTILE)
async def test_text_of_strangers_is_text_only(office, client, parse_page, text):
    office.fires(host=text, job=text, annotations={"summary": text, "description": text, "runbook_url": text})
    office.has_ticket(label=text, url=text)
    page = parse_page(await (await client.get(office.link())).text())
    tags = {tag for tag, _ in page.tags}
    assert tags <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "link",
            "style",
            "body",
            "main",
            "header",
            "div",
            "span",
            "svg",
            "path",
            "h1",
        ),
        *(
            "p",
            "time",
            "b",
            "form",
            "button",
            "section",
            "h2",
            "dl",
            "dt",
            "dd",
            "ul",
            "ol",
            "li",
            "details",
            "summary",
        ),
        *("a", "footer", "label", "input", "textarea"),
    }
    for _tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
    targets = [attrs["href"] for attrs in page.named("a")]
    assert all(target == "" or target.startswith(("https://", "http://")) for target in targets), targets
    assert not set(page.text) & {"\u202e", "\x1b", "\x00"}
    visible = "".join(char for char in text if char.isprintable() and char != "\u202e").split()[0][:20]
    assert visible in page.text, "it is shown, not swallowed"


async def test_the_page_stays_small_whatever_it_holds(office, client, parse_page):
    office.policy = policy(steps=[Step(("ada",) * 40, 300)])
    for number in range(60):
        labels = {f"label_{index}_{'&' * 200}": '"' * 500 for index in range(30)}
        office.fires(host=f"{number}" + "<&\U0001f525" * 300, annotations={"summary": "\U0001f525&" * 2000}, **labels)
    answer = await client.get(office.link())
    body = await answer.read()
    assert len(body) <= PAGE_BYTES_MAX < 50_000
    assert " more not shown here." in parse_page(body.decode()).text
    assert b"Acknowledge INC-1001" in body


async def test_the_style_is_the_one_that_the_policy_allows(office, client):
    office.fires()
    answer = await client.get(office.link())
    inside = re.search(r"<style>(.*?)</style>", await answer.text(), re.DOTALL)
    assert inside
    digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    assert "style=" not in await answer.text(), "the policy would refuse it"


async def test_the_same_page_is_read_only_with_a_token(office, client, auth, parse_page):
    office.fires()
    refused = await client.get("/incidents/INC-1001")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    told = parse_page(await refused.text()).text
    assert "Log in to see this" in told
    assert "an API token as the password" in told
    basic = base64.b64encode(b"anybody:viewer-secret-0123456789").decode()
    answer = await client.get("/incidents/INC-1001", headers={"Authorization": f"Basic {basic}"})
    assert answer.status == 200
    page = parse_page(await answer.text())
    assert not page.named("form")
    assert "Nobody has acknowledged it yet." in page.text
    assert (await client.head("/incidents/INC-1001", headers=auth("eyes"))).status == 200
    assert (await client.post("/incidents/INC-1001", headers=auth("root"))).status == 405
    missing = await client.get("/incidents/INC-9", headers=auth("eyes"))
    assert (missing.status, missing.content_type) == (404, "text/html")


async def next_line(client, path, parse_page):
    text = parse_page(await (await client.get(path)).text()).text
    return text[text.index(" Next ") + 6 : text.index(" In charge: ")]


async def test_the_page_says_who_is_next_or_why_nobody_is(office, client, parse_page):
    office.policy = policy(steps=[Step(("ada",), 300)], loop_count=1)
    office.fires()
    path = office.link()
    assert await next_line(client, path, parse_page) == "Nobody is left to page; the last wait ends 02:05:00 UTC."
    office.answer(AnswerAction.ACKNOWLEDGE, by="ada")
    assert await next_line(client, path, parse_page) == "Nobody else is paged."


async def test_a_page_of_uncertain_fate_is_shown_as_such(office, client, parse_page):
    office.fires()
    path = office.link()

    def lose(connection):
        office.clock.advance(minutes=3)
        for now in (office.clock.at, office.clock.at + timedelta(hours=1)):  # claimed, died, claimed by the next life
            outbox.claim(connection, "sms", now, lease_seconds=60, limit=10)

    office.database.run_now(lose)
    page = [row for row in office.deliveries() if row.kind is EffectKind.PAGE]
    assert page[0].unknown_since is not None
    text = parse_page(await (await client.get(path)).text()).text
    assert "Ada (L1) by sms: uncertain whether it was sent: being looked up" in text


STYLE = Path(ingestd.web.__file__).parent / "templates" / "style.css"


def themes():
    css = STYLE.read_text()
    light, dark = (dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", part)) for part in css.split("@media", 2)[:2])
    return {"light": light, "dark": light | dark}


def luminance(colour):
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_text_has_the_contrast_that_wcag_asks_for(theme):
    colours = themes()[theme]
    pairs = [
        ("ink", "paper"),
        ("soft", "paper"),
        ("ink", "card"),
        ("soft", "card"),
        ("link", "paper"),
        ("link", "card"),
    ]
    pairs += [
        ("on-press", "press"),
        ("ink", "good-card"),
        ("good", "good-card"),
        ("ink", "warn-card"),
        ("warn", "warn-card"),
    ]
    pairs += [(f"on-{word}", word) for word in ("critical", "high", "medium", "low")]
    for front, back in pairs:
        light, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{front} on {back} in the {theme} theme"


async def test_what_an_admin_should_know_stands_above_and_not_before_somebody_who_was_woken(
    office, open_door, auth, parse_page
):
    notice = "The configuration on disk is refused since <today>: 2 problems."
    client = await open_door(office.desk(notice=lambda: notice))
    office.fires()
    page = parse_page(await (await client.get("/incidents/INC-1001", headers=auth("eyes"))).text())
    assert page.text.index(notice) < page.text.index("Since 02:00:00")
    assert notice not in parse_page(await (await client.get(office.link())).text()).text
