"""What can befall a request on its way to the stand-in for Jira, or the answer on its way back."""

from __future__ import annotations

from enum import StrEnum

from ingestd.errors import OutcomeUnknown, TryLater
from ingestd.ports import HttpReply

_LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form>Password</form></body></html>"


class Fault(StrEnum):
    """What befalls the next write request instead of, or after, its effect."""

    BUSY_503 = "busy-503"
    RATE_LIMIT_429 = "rate-limit-429"
    LOSE_REPLY_AFTER_EFFECT = "lose-reply-after-effect"
    LOSE_REQUEST = "lose-request"
    BAD_GATEWAY_AFTER_EFFECT = "bad-gateway-after-effect"
    REFUSE_CONNECTION = "refuse-connection"
    UNAUTHORIZED = "unauthorized"
    CAPTCHA = "captcha"
    HTML_LOGIN = "html-login"
    REDIRECT_LOGIN = "redirect-login"
    GARBAGE_2XX = "garbage-2xx"

    @property
    def comes_after_effect(self) -> bool:
        """Whether the request does its work before things go wrong."""
        return self in {Fault.LOSE_REPLY_AFTER_EFFECT, Fault.BAD_GATEWAY_AFTER_EFFECT, Fault.GARBAGE_2XX}


def before_effect(fault: Fault) -> HttpReply:
    """What comes instead of the effect; raises as an ``HttpClient`` does where there is no answer."""
    match fault:
        case Fault.REFUSE_CONNECTION:
            raise TryLater("connection refused")
        case Fault.LOSE_REQUEST:
            raise OutcomeUnknown("the connection was lost")
        case Fault.RATE_LIMIT_429:
            headers = {"content-type": "application/json", "retry-after": "7", "ratelimit-reason": "jira-burst-based"}
            return HttpReply(429, headers, b'{"errorMessages":["Rate limit exceeded."]}')
        case Fault.UNAUTHORIZED:
            return HttpReply(401, {"content-type": "text/html"}, b"<html>Unauthorized</html>")
        case Fault.CAPTCHA:
            return HttpReply(
                403, {"x-authentication-denied-reason": "CAPTCHA_CHALLENGE; login-url=https://jira.example/login.jsp"}
            )
        case Fault.HTML_LOGIN:
            return HttpReply(200, {"content-type": "text/html;charset=UTF-8"}, _LOGIN_PAGE)
        case Fault.REDIRECT_LOGIN:
            return HttpReply(302, {"location": "https://id.example.com/login?continue=jira"})
    return HttpReply(503, {"content-type": "text/html", "retry-after": "5"}, b"<html>Service Unavailable</html>")


def after_effect(fault: Fault, reply: HttpReply) -> HttpReply:
    """What becomes of the answer to a request that has done its work."""
    if fault is Fault.LOSE_REPLY_AFTER_EFFECT:
        raise OutcomeUnknown("the connection was lost")
    if fault is Fault.BAD_GATEWAY_AFTER_EFFECT:
        return HttpReply(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>")
    return HttpReply(reply.status if reply.status < 300 else 200, {"content-type": "application/json"}, b'{"id": "100')
