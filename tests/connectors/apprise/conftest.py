"""The models of Slack and Teams behind real sockets on loopback, which apprise itself reaches.

apprise knows Slack's host by heart, so that constant is pointed to loopback; a Workflow's host stands in its address. TLS, which both
insist on, is left out for Slack and not verified for Teams.
"""

from __future__ import annotations

import io
import logging as stdlib_logging
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import structlog

from connectors.apprise_pager import factory
from connectors.apprise_pager.fake import SLACK_PATH, TEAMS_SIGNATURE, ChatFake
from ingestd.net import apprise_cards, chat_sender
from ingestd.ports import ConnectorTools, HttpRequest
from ingestd.telemetry import logging

TLS_FOLDER = Path(__file__).parents[2] / "net" / "tls"


class NoNetwork:
    async def send(self, request):
        raise AssertionError(f"chat goes through apprise: {request.url}")


def handler_of(fake: ChatFake):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            parts = urlsplit(self.path)
            reply = fake.answer(HttpRequest("POST", parts.path, {}, body), dict(parse_qsl(parts.query)))
            if reply.status == 0:  # the connection is cut without an answer
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture
def fake():
    return ChatFake()


@pytest.fixture
def serve():
    """``serve(fake, tls=False)`` gives the port."""
    servers = []

    def start(fake, *, tls=False):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(fake))
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(TLS_FOLDER / "localhost.pem", TLS_FOLDER / "localhost.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return server.server_address[1]

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def destinations(fake, serve, monkeypatch):
    """Addresses by name, as the services write them: ``slack``, ``teams``, ``json``."""
    plain, secure = serve(fake), serve(fake, tls=True)
    monkeypatch.setattr(apprise_cards.SlackCards, "webhook_url", f"http://127.0.0.1:{plain}/services")
    return {
        "slack": f"https://hooks.slack.com{SLACK_PATH}",
        "teams": f"workflows://127.0.0.1:{secure}/643e69f83c8944438d68119179a10a64/{TEAMS_SIGNATURE}?verify=no",
        "json": f"json://127.0.0.1:{plain}/hook",
    }


@pytest.fixture
def build():
    """``build({"slack": address}, rooms={"slack"}, timeout_seconds=5)`` gives the connector."""

    def make(written, *, rooms=(), **more):
        places = {name: {"url": url, "room": name in rooms} for name, url in written.items()}
        settings = factory.settings_type.model_validate({"destinations": places, **more})
        tools = ConnectorTools(NoNetwork(), lambda _options: pytest.fail("no mail"), "", chat_sender.sender)
        return factory.build("chat", settings, tools)

    return make


@pytest.fixture
def log_lines():
    """The daemon's log at its most talkative; what was set up before is put back."""
    stream = io.StringIO()
    root = stdlib_logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logging.configure("debug", "json", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    stdlib_logging.captureWarnings(False)
