"""The daemon's metrics, in a registry of its own so that tests can live twice in one process.

No label holds text of a user: only names from the configuration and words from our own enumerations.
"""

from __future__ import annotations

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from ingestd import __version__

_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """Every metric. Names follow Alertmanager's pattern."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        r = self.registry
        Info("ingestd_build", "Version of ingestd.", registry=r).info({"version": __version__})
        self._count_what_comes_in(r)
        self._count_mailboxes(r)
        self._count_what_goes_out(r)
        self._count_what_concerns_the_daemon(r)
        self._count_what_proves_that_paging_works(r)

    def _count_what_comes_in(self, r: CollectorRegistry) -> None:
        self.envelopes = Counter(
            "ingestd_envelopes_received_total", "Envelopes stored and answered 202.", ["source"], registry=r
        )
        self.refused = Counter(
            "ingestd_envelopes_refused_total", "Requests that were not stored.", ["source", "reason"], registry=r
        )
        self.smtp_connections = Gauge(
            "ingestd_smtp_connections", "Connections of the listener for mail that are open.", registry=r
        )
        self.intake_seconds = Histogram(
            "ingestd_intake_seconds",
            "From the end of the request body to the commit.",
            registry=r,
            buckets=_LATENCY_BUCKETS,
        )
        self.dispositions = Counter(
            "ingestd_envelopes_disposed_total",
            "Envelopes by what became of them.",
            ["source", "disposition"],
            registry=r,
        )
        self.quarantined = Counter(
            "ingestd_envelopes_quarantined_total", "Envelopes that could not be read.", ["source", "reason"], registry=r
        )
        self.mails = Counter(
            "ingestd_mails_without_alert_total",
            "Mail that brought no alert, by what it was and why.",
            ["source", "disposition", "reason"],
            registry=r,
        )
        self.alerts = Counter(
            "ingestd_alerts_received_total", "Alerts by verdict.", ["source", "verdict", "reason"], registry=r
        )
        self.cut_texts = Counter(
            "ingestd_texts_cut_total", "Labels and annotations cut to a limit.", ["source"], registry=r
        )
        self.truncated_alerts = Counter(
            "ingestd_alerts_truncated_by_sender_total", "Alerts that a sender left out.", ["source"], registry=r
        )
        self.rule_matches = Counter("ingestd_rule_matches_total", "Alerts by rule.", ["rule"], registry=r)
        self.template_failures = Counter(
            "ingestd_template_failures_total",
            "Alerts whose rule's title or summary could not be made.",
            ["rule"],
            registry=r,
        )
        self.incidents = Gauge("ingestd_incidents", "Incidents that are not closed.", ["state", "severity"], registry=r)
        self.held = Gauge("ingestd_alerts_held", "Alerts that fire and are kept back.", ["reason"], registry=r)
        self.incidents_opened = Counter("ingestd_incidents_opened_total", "Incidents opened.", registry=r)
        self.exhausted = Counter(
            "ingestd_escalations_exhausted_total", "Escalations that ended without an answer.", registry=r
        )

    def _count_mailboxes(self, r: CollectorRegistry) -> None:
        self.mailbox_mails = Counter(
            "ingestd_mailbox_mails_total",
            "Messages fetched from a mailbox, by result.",
            ["account", "result"],
            registry=r,
        )
        self.mailbox_failures = Counter(
            "ingestd_mailbox_failures_total", "What went wrong with a mailbox.", ["account", "reason"], registry=r
        )
        self.mailbox_at = Gauge(
            "ingestd_mailbox_last_success_timestamp_seconds", "When it was last read.", ["account"], registry=r
        )

    def forget_mailbox(self, account: str) -> None:
        """It is not read any more: its last success would only look late."""
        with contextlib.suppress(KeyError):
            self.mailbox_at.remove(account)

    def _count_what_goes_out(self, r: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "ingestd_deliveries_total", "Delivery attempts by outcome.", ["connector", "kind", "outcome"], registry=r
        )
        self.dropped = Counter(
            "ingestd_deliveries_dropped_total", "Deliveries not performed.", ["connector", "kind", "reason"], registry=r
        )
        self.delivery_seconds = Histogram(
            "ingestd_delivery_latency_seconds",
            "From the decision to the acceptance by the service.",
            ["connector", "kind"],
            registry=r,
            buckets=_LATENCY_BUCKETS,
        )
        self.stale_settlements = Counter(
            "ingestd_deliveries_stale_total",
            "Settlements refused because the lease had gone.",
            ["connector"],
            registry=r,
        )
        self.connector_stopped = Gauge(
            "ingestd_connector_stopped", "1 while a connector's credentials are rejected.", ["connector"], registry=r
        )
        self.circuit_open = Gauge(
            "ingestd_connector_circuit_open", "1 while a connector is given a rest.", ["connector"], registry=r
        )
        self.outbox = Gauge("ingestd_outbox_deliveries", "Deliveries by state.", ["connector", "state"], registry=r)
        self.inbox_waiting = Gauge("ingestd_inbox_waiting", "Envelopes that wait for a decision.", registry=r)
        self.receipts = Counter(
            "ingestd_receipts_total", "Delivery receipts by result.", ["connector", "result"], registry=r
        )
        self.replies = Counter(
            "ingestd_replies_total", "Replies to pages by what became of them.", ["connector", "result"], registry=r
        )

    def _count_what_concerns_the_daemon(self, r: CollectorRegistry) -> None:
        self.answers = Counter("ingestd_answers_total", "What people told the daemon.", ["action", "via"], registry=r)
        self.api_refused = Counter(
            "ingestd_api_refused_total", "Requests of people that were refused.", ["reason"], registry=r
        )
        self.worker_failures = Counter("ingestd_worker_failures_total", "Steps that failed.", ["worker"], registry=r)
        self.reload_ok = Gauge(
            "ingestd_config_last_reload_successful", "Whether the last reload was taken over.", registry=r
        )
        self.reload_at = Gauge("ingestd_config_last_reload_success_timestamp_seconds", "When it last was.", registry=r)
        self.reloads = Counter("ingestd_config_reloads_total", "Reloads, by what came of them.", ["result"], registry=r)
        self.rule_tests_failing = Gauge(
            "ingestd_rule_tests_failing", "Tests that the rules in force do not pass.", registry=r
        )

    def _count_what_proves_that_paging_works(self, r: CollectorRegistry) -> None:
        self.audits = Counter("ingestd_audit_passes_total", "Audits by what they found.", ["result"], registry=r)
        self.audit_findings = Gauge("ingestd_audit_findings", "Promises that do not hold.", ["promise"], registry=r)
        self.audit_at = Gauge(
            "ingestd_audit_last_success_timestamp_seconds", "When an audit last found nothing.", registry=r
        )
        self.audit_seconds = Histogram(
            "ingestd_audit_seconds", "How long one look took.", registry=r, buckets=_LATENCY_BUCKETS
        )
        self.audit_incidents = Counter("ingestd_audit_incidents_total", "Incidents that were audited.", registry=r)
        self.heartbeats = Counter(
            "ingestd_heartbeats_total", "Heartbeats to the watcher outside, by result.", ["result"], registry=r
        )
        self.heartbeat_age = Gauge(
            "ingestd_source_silent_seconds", "Since when a source's watchdog was not heard.", ["source"], registry=r
        )
        self.calendars = Counter(
            "ingestd_calendar_reads_total",
            "Looks at imported calendars, by result.",
            ["schedule", "result"],
            registry=r,
        )
        self.calendar_at = Gauge(
            "ingestd_calendar_last_success_timestamp_seconds", "When it was last read.", ["schedule"], registry=r
        )
        self.calendar_left_out = Gauge(
            "ingestd_calendar_events_left_out",
            "Events of it that name no known person, or cannot be used.",
            ["schedule"],
            registry=r,
        )
        self.drills = Counter("ingestd_drills_total", "Drills that have ended.", ["policy", "result"], registry=r)
