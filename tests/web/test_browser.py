"""The pages in a real browser, as a phone and a desk show them: read by axe, pressed without JavaScript, measured."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

import pytest

from ingestd.core.names import EffectKind, IncidentId, IncidentState
from ingestd.core.policy import Step, Team
from ingestd.core.rota import Layer, Schedule, Turn, TurnUnit
from ingestd.store import outbox
from ingestd.store.answers import AnswerAction
from ingestd.store.outbox import DeliveryState
from ingestd.testing.world import policy
from tests.web.conftest import INC, START

FLAGS = (
    "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync "
    "hide-scrollbars force-device-scale-factor=1"
)
PHONE, DESK = (360, 640), (1280, 800)
FIRST_LOAD_BYTES_MAX = 50_000
TAP_MIN = 48
FIRST_SCREEN = PHONE[1]
TITLE = "Card authorisations fail for one in three customers in the euro zone since the certificate was renewed"


@pytest.fixture(scope="module")
def browser(require, tmp_path_factory):
    """One headless Chromium for all tests of the module."""
    chromium, driver = require("chromium"), require("chromedriver")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS.split(), f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    found = Chrome(options=options, service=ChromeService(driver))
    found.set_page_load_timeout(30)
    found.set_script_timeout(30)
    yield found
    found.quit()


class Window:
    """The browser at one size and in one colour scheme, driven beside the server's loop."""

    def __init__(self, browser, size, scheme="light"):
        self.browser = browser
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get_log("performance")

    async def open(self, url):
        await asyncio.to_thread(self.browser.get, url)

    async def ask(self, script):
        return await asyncio.to_thread(self.browser.execute_script, f"return {script}")

    async def press(self, text):
        """Press a button or open what a summary hides, as a finger does."""
        await asyncio.to_thread(self._press, text)

    def _press(self, text):
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.expected_conditions import presence_of_element_located, staleness_of
        from selenium.webdriver.support.wait import WebDriverWait

        path = f"//button[contains(., '{text}')] | //summary[contains(., '{text}')]"
        whole = self.browser.find_element(By.TAG_NAME, "html")
        found = self.browser.find_element(By.XPATH, path)
        is_form = found.tag_name == "button"
        found.click()
        if is_form:  # the answer is another page
            WebDriverWait(self.browser, 20).until(staleness_of(whole))
            WebDriverWait(self.browser, 20).until(presence_of_element_located((By.TAG_NAME, "footer")))

    async def write(self, name, text):
        from selenium.webdriver.common.by import By

        await asyncio.to_thread(lambda: self.browser.find_element(By.ID, name).send_keys(text))

    async def text(self):
        from selenium.webdriver.common.by import By

        return await asyncio.to_thread(lambda: self.browser.find_element(By.TAG_NAME, "body").text)

    async def box(self, css):
        return await self.ask(
            f"(r => [r.top, r.bottom, r.height, r.width])(document.querySelector('{css}').getBoundingClientRect())"
        )

    async def axe(self):
        from selenium_axe_python import Axe

        axe = Axe(self.browser)
        await asyncio.to_thread(axe.inject)
        found = await asyncio.to_thread(axe.run)
        return [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]

    def loaded(self):
        """Every address that was asked for, and the bytes that came."""
        messages = [json.loads(line["message"])["message"] for line in self.browser.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        sizes = [m["params"]["encodedDataLength"] for m in messages if m["method"] == "Network.loadingFinished"]
        return urls, sum(sizes)

    @contextmanager
    def without_scripts(self):
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            yield
        finally:
            self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.fixture
async def house(office, aiohttp_server):
    """An office with people, a schedule and a meeting, served; ``house.url`` is where."""
    from aiohttp import web

    from ingestd.web.desk import Access
    from ingestd.web.routes import add_routes

    turns = Layer("weeks", ("bo",), START.replace(tzinfo=None), Turn(1, TurnUnit.WEEK))
    base = policy(steps=[Step(("ada",), 300), Step(("schedule:first-line",), 600, repeat_count=2), Step(("cy",), 600)])
    office.policy = replace(
        base,
        schedules={"first-line": Schedule("first-line", START.tzinfo, (turns,))},
        teams={name: Team(name, bridges={None: "https://meet.example/room"}) for name in base.ruleset.routes},
    )
    office.access = Access(loopback_without_token=True)
    app = web.Application()
    add_routes(app, office.desk(external_url=""))
    server = await aiohttp_server(app)
    office.url = str(server.make_url("/")).rstrip("/")
    return office


def triggered(office):
    office.fires(annotations={"summary": TITLE, "runbook_url": "https://wiki.example/cards"})
    office.has_ticket()
    office.clock.advance(minutes=2)
    return office.link()


def acknowledged(office):
    path = triggered(office)
    office.answer(AnswerAction.ACKNOWLEDGE, by="ada", via="link")
    return path


def taken_by_another(office):
    path = triggered(office)
    office.answer(AnswerAction.ACKNOWLEDGE, by="bo", via="link")
    return path


def resolved(office):
    path = acknowledged(office)
    office.answer(AnswerAction.RESOLVE, by="bo")
    return path


def drill(office):
    path = triggered(office)
    incident = office.incident()
    office.change(conduct=replace(incident.conduct, is_test=True))
    return path


def summary(office):
    """The message told of a second incident besides."""
    path = triggered(office)
    office.fires(name="InstanceDown", host="db7", severity="critical")
    first = office.deliveries()[0]

    def fold(connection):
        for one in outbox.of_incident(connection, IncidentId("INC-1002")):
            if one.kind is EffectKind.PAGE:
                outbox.save(connection, replace(one, folded_into=first.key, state=DeliveryState.DROPPED))

    office.database.run_now(fold)
    return path


def expired(office):
    path = triggered(office)
    office.clock.advance(hours=100)
    return path


def listed(office):
    triggered(office)
    return "/"


def nothing_open(_office):
    return "/"


def read_only(office):
    triggered(office)
    return f"/incidents/{INC}"


STATES = [triggered, acknowledged, taken_by_another, resolved, drill, summary, expired, listed, nothing_open, read_only]


@pytest.mark.parametrize("state", STATES)
async def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(house, browser, state, tmp_path):
    path = state(house)
    for size, scheme in product((PHONE, DESK), ("light", "dark")):
        window = Window(browser, size, scheme)
        await window.open(house.url + path)
        for _ in range(2):
            assert await window.axe() == [], (size, scheme)
            assert await window.ask("document.documentElement.scrollWidth") <= size[0], (size, scheme)
            # Once more with everything open that can be opened.
            await window.ask("document.querySelectorAll('details').forEach(one => one.open = true)")


@pytest.mark.parametrize("state", [triggered, drill])
async def test_the_first_screen_of_a_phone_says_enough_and_has_the_button(house, browser, state):
    path = state(house)
    window = Window(browser, PHONE)
    await window.open(house.url + path)
    _, bottom, height, width = await window.box("button[value=acknowledge]")
    assert bottom <= FIRST_SCREEN
    assert height >= TAP_MIN
    assert width >= 300
    for css in (".badge", ".state", "h1", "time"):
        top, bottom, *_ = await window.box(css)
        assert 0 <= top < bottom <= FIRST_SCREEN, css


async def test_everything_that_can_be_pressed_is_large_enough_for_a_thumb(house, browser):
    path = acknowledged(house)
    window = Window(browser, PHONE)
    await window.open(house.url + path)
    await window.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    heights = await window.ask(
        "[...document.querySelectorAll('a,button,summary,input:not([type=hidden]),textarea')]"
        ".map(one => [one.outerHTML.slice(0, 80), one.getBoundingClientRect().height])"
    )
    assert heights
    assert not [(html, height) for html, height in heights if height < TAP_MIN]


async def test_a_press_works_without_javascript(house, browser):
    path = triggered(house)
    window = Window(browser, PHONE)
    with window.without_scripts():
        await window.open(house.url + path)
        await window.press("Acknowledge INC-1001")
        text = await window.text()
    assert "Acknowledged: you have it" in text
    assert "Paging has stopped." in text
    assert house.incident().state is IncidentState.ACKNOWLEDGED


async def test_everything_else_works_without_javascript(house, browser):
    path = triggered(house)
    window = Window(browser, PHONE)
    with window.without_scripts():
        await window.open(house.url + path)
        await window.press("Add a note")
        await window.write("note", "the certificate is of last year")
        await window.press("Add the note")
        assert "Noted" in await window.text()
        await window.press("Escalate to the next level")
        await window.write("why", "I am on a train")
        await window.press("Page the next level now")
        assert "Escalated" in await window.text()
        await window.press("It is over")
        await window.press("Resolve INC-1001")
        assert "It is over: resolved by Ada" in await window.text()
    told = [line.text for line in house.lines()]
    assert any("the certificate is of last year" in line for line in told)
    assert any("I am on a train" in line for line in told)


@pytest.mark.parametrize("state", [triggered, resolved, listed])
async def test_a_page_asks_no_other_host_and_is_small(house, browser, state):
    path = state(house)
    window = Window(browser, PHONE)
    await window.open(house.url + path)
    urls, size = window.loaded()
    assert urls == [house.url + path]
    assert 0 < size < FIRST_LOAD_BYTES_MAX
