"""The name of every log event, as a constant. A name never changes its meaning; data goes into fields."""

from __future__ import annotations

from typing import Final

DAEMON_STARTED: Final = "daemon_started"
DAEMON_READY: Final = "daemon_ready"
DAEMON_STOPPING: Final = "daemon_stopping"
DAEMON_STOPPED: Final = "daemon_stopped"
CONFIG_RELOADED: Final = "config_reloaded"
CONFIG_REFUSED: Final = "config_refused"
CONFIG_PROBLEM: Final = "config_problem"
RULES_CHANGED: Final = "rules_changed"
RULE_TESTS_FAILED: Final = "rule_tests_failed"
RULE_TESTS_NOT_RUN: Final = "rule_tests_not_run"
CONFIG_LINT: Final = "config_lint"
SCHEMA_MIGRATED: Final = "schema_migrated"

ENVELOPE_REFUSED: Final = "envelope_refused"
ENVELOPE_NOT_STORED: Final = "envelope_not_stored"
ENVELOPE_NOT_ANSWERED: Final = "envelope_not_answered"
ENVELOPE_PROCESSED: Final = "envelope_processed"
ENVELOPE_QUARANTINED: Final = "envelope_quarantined"
ALERTS_TRUNCATED: Final = "alerts_truncated"

INCIDENT_CHANGED: Final = "incident_changed"
ESCALATION_EXHAUSTED: Final = "escalation_exhausted"
ANSWER_RECEIVED: Final = "answer_received"
SILENCE_MADE: Final = "silence_made"
SILENCE_ENDED: Final = "silence_ended"

DELIVERY_SETTLED: Final = "delivery_settled"
DELIVERY_DROPPED: Final = "delivery_dropped"
DELIVERY_STALE: Final = "delivery_stale"
CONNECTOR_STOPPED: Final = "connector_stopped"
CONNECTOR_RESUMED: Final = "connector_resumed"
CONNECTOR_BROKEN: Final = "connector_broken"
CONNECTOR_MISSING: Final = "connector_missing"
CIRCUIT_OPENED: Final = "circuit_opened"
RECEIPT_REFUSED: Final = "receipt_refused"

REQUEST_ANSWERED: Final = "request_answered"
REQUEST_FAILED: Final = "request_failed"
LIBRARY_MESSAGE: Final = "library_message"

ENGINE_STALLED: Final = "engine_stalled"
NOTIFY_FAILED: Final = "notify_failed"
WORKER_FAILED: Final = "worker_failed"
LEASES_RELEASED: Final = "leases_released"
CATCH_UP_UNFINISHED: Final = "catch_up_unfinished"
DEADLINE_POSTPONED: Final = "deadline_postponed"
DELIVERY_BROKEN: Final = "delivery_broken"
PRUNED: Final = "pruned"
