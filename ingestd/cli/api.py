"""The daemon's API as the command line uses it: a request, and either its JSON or a failure that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ingestd.cli.client_settings import ClientSettings
from ingestd.cli.failures import Failure, NotAllowed, NotReachable

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS: Final = 4.0
ANSWER_SECONDS: Final = 30.0
PROBE_CHARS_MAX: Final = 2000

_NO_JSON = "is this the daemon's own address? A proxy or another program may stand there"


class Api:
    """Speaks to one daemon. Every method raises a ``Failure``: exit code 4 if no daemon answers, 5 if it does not allow it."""

    def __init__(self, settings: ClientSettings) -> None:
        import requests  # noqa: PLC0415 (it loads slowly, and --help needs none)

        self.url = settings.url
        self.has_token = bool(settings.token)
        self._session = requests.Session()
        # A proxy cannot be meant for this machine; elsewhere the user's own settings of proxies and CAs hold.
        self._session.trust_env = not settings.is_loopback
        self._session.auth = _bearer(settings.token)
        self._session.headers["Accept"] = "application/json"
        if settings.ca_file is not None:
            self._session.verify = str(settings.ca_file)

    def get(self, path: str, *, holds: str = "", **query: object) -> dict[str, Any]:
        """The JSON object at a path. Parameters that are None are left out, a list stands for one parameter of that name each.

        Without the key ``holds`` it is no answer of ours: another program must not pass for a daemon with nothing to tell.
        """
        answer = self._object(self._send("GET", path, query=query))
        if holds and not isinstance(answer.get(holds), list | dict):
            raise self._not_ours()
        return answer

    def post(
        self, path: str, body: Mapping[str, object] | None = None, *, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        """The JSON object that a POST answers."""
        return self._object(self._send("POST", path, body=body, seconds=seconds))

    def hand_in(self, path: str, raw: bytes, *, content_type: str) -> dict[str, Any]:
        """The JSON object that a POST of something that is no JSON answers."""
        reply = self._request("POST", path, raw=raw, content_type=content_type)
        self._refuse(reply)
        return self._object(reply)

    def delete(self, path: str) -> dict[str, Any]:
        """The JSON object that a DELETE answers."""
        return self._object(self._send("DELETE", path))

    def ask(self, path: str, *, refused: int, seconds: float) -> dict[str, Any]:
        """The JSON object that a POST answers, also with the status ``refused``: that is an answer, and no failure."""
        reply = self._request("POST", path, seconds=seconds)
        if reply.status_code != refused:
            self._refuse(reply)
        return self._object(reply)

    def content(self, path: str) -> bytes:
        """The raw bytes at a path."""
        return bytes(self._send("GET", path).content)

    def probe(self, path: str) -> tuple[int, str, str]:
        """Status, text and ``Date`` header of a probe, which answers in words whatever its status."""
        reply = self._request("GET", path)
        return reply.status_code, reply.text[:PROBE_CHARS_MAX], reply.headers.get("Date", "")

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> requests.Response:
        reply = self._request(method, path, query=query, body=body, seconds=seconds)
        self._refuse(reply)
        return reply

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        raw: bytes | None = None,
        content_type: str = "",
        seconds: float = ANSWER_SECONDS,
    ) -> requests.Response:
        import requests  # noqa: PLC0415 (it loads slowly, and --help needs none)

        params = {
            name: value if isinstance(value, list) else str(value)
            for name, value in (query or {}).items()
            if value is not None
        }
        try:
            return self._session.request(
                method,
                self.url + path,
                params=params,
                json=None if method == "GET" or raw is not None else dict(body or {}),
                data=raw,
                headers={"Content-Type": content_type} if content_type else None,
                timeout=(CONNECT_SECONDS, seconds),
                allow_redirects=False,
            )
        except requests.exceptions.Timeout as exc:
            is_connecting = isinstance(exc, requests.exceptions.ConnectTimeout)
            text = "does not answer" if is_connecting else f"took the request but gave no answer in {seconds:g} s"
            raise NotReachable(f"{self.url} {text}", hint="see its log, or: ingestd doctor") from None
        except requests.exceptions.SSLError:
            hint = "with a CA of your own, name it in cli.yaml: ca_file: /path/to/ca.pem"
            raise NotReachable(f"the certificate of {self.url} is not trusted", hint=hint) from None
        except (requests.exceptions.RequestException, OSError) as exc:
            hint = "start it: ingestd serve --config.file=config.yaml; if it runs elsewhere: --url or INGESTD_URL"
            raise NotReachable(f"no daemon at {self.url} ({_cause(exc)})", hint=hint) from None

    def _refuse(self, reply: requests.Response) -> None:
        """Raise the failure that a reply stands for; return if it is a success."""
        status = reply.status_code
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise NotReachable(f"{self.url} redirects instead of answering", hint=_NO_JSON)
        text, hint = _said(reply)
        if status == 401:
            raise NotAllowed(text or "the daemon wants to know who you are", hint=self._token_hint())
        if status == 403:
            raise NotAllowed(
                text or "your token may not do that", hint=hint or "ask an admin for a token of a higher role"
            )
        if not text:
            raise NotReachable(f"{self.url} answers {status} and not in the daemon's words", hint=_NO_JSON)
        raise Failure(text, hint=hint)

    def _token_hint(self) -> str:
        if self.has_token:
            return "the token was sent but is not one of api.tokens in the daemon's configuration"
        return "put a token of api.tokens into a file and name it: --token-file, INGESTD_TOKEN_FILE, or token_file in cli.yaml"

    def _object(self, reply: requests.Response) -> dict[str, Any]:
        try:
            value = reply.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self._not_ours()
        return value

    def _not_ours(self) -> NotReachable:
        return NotReachable(f"what answers at {self.url} is not ingestd", hint=_NO_JSON)


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")


def _bearer(token: str) -> Any:  # noqa: ANN401 (the type of requests for this is a callable of its own request)
    """Sets the header itself: given nothing, requests would look into ~/.netrc and send what it finds there."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    return sign


def _said(reply: requests.Response) -> tuple[str, str]:
    """The sentence and the hint of an error that the daemon itself words; empty if it does not."""
    try:
        value = reply.json()
    except ValueError:
        return "", ""
    if not isinstance(value, dict) or not isinstance(value.get("error"), str):
        return "", ""
    hint = value.get("hint")
    return value["error"], hint if isinstance(hint, str) else ""


def _cause(error: BaseException) -> str:
    """What the operating system said, out of the layers of two libraries; else the kind of the error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror.lower()
        reason = getattr(seen.args[0] if seen.args else None, "reason", None)
        seen = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
    return type(error).__name__
