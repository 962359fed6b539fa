"""Stand-ins for the SMS services: for tests, the simulator, and acceptance runs behind a real socket."""

from __future__ import annotations

from connectors.sms_pager.fake_gateway import GatewayFake
from connectors.sms_pager.fake_server import Fault, SentSms, SmsServer
from connectors.sms_pager.fake_twilio import TwilioFake
from connectors.sms_pager.fake_vonage import VonageFake

__all__ = ["Fault", "GatewayFake", "SentSms", "SmsServer", "TwilioFake", "VonageFake"]
