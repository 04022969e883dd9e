"""Metrics for Prometheus, read from PostgreSQL at each scrape: every process gives the same answer.

Labels are states and entity names, never a tenant's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app import clock
from app.errors import Unavailable
from app.integrations import ledger
from app.store import metrics_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.runtime import Runtime
    from app.store.metrics_snapshot import Completeness


class _SnapshotCollector(Collector):
    """Turns a snapshot of the store into metric families."""

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store
        self._limiter = runtime.limiter

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metric families; `sei_up` alone if the database does not answer."""
        try:
            with self._store.unrestricted_unsafe() as session:
                snapshot = metrics_snapshot.take(session, states=ledger.WORKING_STATES)
        except Unavailable:
            yield _gauge("sei_up", "Whether the database answers", 0)
            return
        yield _gauge("sei_up", "Whether the database answers", 1)
        yield _by("sei_integrations", "Integrations by state", "state", snapshot.integrations)
        yield _by("sei_chunks", "Units of work by state", "state", snapshot.chunks)
        yield _by("sei_rows", "Stored rows by entity, tombstones apart", "entity", snapshot.rows)
        yield _gauge("sei_webhooks_waiting", "Deliveries that wait to be read again", snapshot.deliveries_waiting)
        yield _gauge("sei_poison_records", "Records that could not be read", snapshot.poison)
        yield _gauge("sei_values_left_out", "Values that could not be kept", snapshot.values_left_out)
        yield _gauge("sei_oldest_due_chunk_seconds", "Age of the oldest due unit of work", snapshot.oldest_chunk)
        yield _gauge("sei_oldest_webhook_seconds", "Age of the oldest waiting delivery", snapshot.oldest_delivery)
        yield _gauge(
            "sei_stalest_integration_seconds",
            "Longest time without data of a healthy integration",
            snapshot.stalest_integration,
        )
        yield _by(
            "sei_tokens_ending",
            "API tokens that end within so many days, as far as known",
            "days",
            snapshot.tokens_ending,
        )
        yield from _completeness(snapshot.completeness)
        yield from self._spent()

    def _spent(self) -> Iterator[GaugeMetricFamily]:
        """Requests to Jira in this UTC hour; none if Redis does not answer."""
        try:
            now, accounts = clock.now(), self._limiter.accounts
            points, traffic = accounts.spent_by_app(now), accounts.traffic(now)
        except Unavailable:
            return
        points.pop("total")
        yield _by("sei_jira_points_this_hour", "Points spent in this UTC hour, by purpose", "purpose", points)
        requests = traffic.pop("requests")
        yield _gauge(
            "sei_jira_requests_this_hour", "Requests that were answered or given up in this UTC hour", requests
        )
        yield _by(
            "sei_jira_refusals_this_hour", "Refusals in this UTC hour, by the scope of the pause", "scope", traffic
        )


def _completeness(completeness: Completeness) -> Iterator[GaugeMetricFamily]:
    yield _by(
        "sei_verified_integrations",
        "Integrations by the result of their last verification",
        "result",
        completeness.integrations,
    )
    yield _by(
        "sei_rows_missing",
        "Rows missing here according to the last verifications, by entity",
        "entity",
        completeness.missing_rows,
    )
    yield _by(
        "sei_rows_surplus",
        "Surplus rows here according to the last verifications, by entity",
        "entity",
        completeness.surplus_rows,
    )
    yield _gauge(
        "sei_oldest_verification_seconds", "Greatest age of an integration's last verification", completeness.oldest
    )


def render(runtime: Runtime) -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(runtime))
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _by(name: str, text: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
