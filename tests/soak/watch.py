"""Observers of a run: the time at which rows show a change, and a replica fed by the change feed."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import psycopg
import requests

if TYPE_CHECKING:
    from tests.story.processes import RunningApp

LOOK_S = 0.04
_DELETION_TIME = 2**62
"""Edit time of a deleted row: later than any edit."""


class Aside(threading.Thread):
    """A thread beside a run. It ends with the run and raises its error there."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.problem: BaseException | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        if self.problem is not None:
            raise self.problem

    def run(self) -> None:
        try:
            self.work()
        except BaseException as problem:  # noqa: BLE001 - raised where the thread is joined
            self.problem = problem

    def work(self) -> None:
        raise NotImplementedError


class RowWatch(Aside):
    """Records the time at which SQL first shows each version of each issue's row, to 40 ms."""

    def __init__(self, database_url: str, client_key: str) -> None:
        super().__init__("row watch")
        self._database_url, self._client_key = database_url, client_key
        self._sightings: dict[str, list[tuple[int, int]]] = {}

    def work(self) -> None:
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            (tenant,) = connection.execute(
                "SELECT tenant_id FROM installations WHERE client_key = %s", (self._client_key,)
            ).fetchone() or (None,)
            newest = "SELECT coalesce(max(version), 0) FROM jira_issue WHERE tenant_id = %s"
            (version,) = connection.execute(newest, (tenant,)).fetchone() or (0,)
            while not self._over.wait(LOOK_S):
                rows = connection.execute(
                    "SELECT id, updated, deleted_at IS NOT NULL, version FROM jira_issue"
                    " WHERE tenant_id = %s AND version > %s ORDER BY version",
                    (tenant, version),
                ).fetchall()
                now = int(time.time() * 1000)
                for issue_id, edit, is_gone, version in rows:  # noqa: B007 - the last version is where to go on
                    moment = _DELETION_TIME if is_gone else _ms(edit)
                    self._sightings.setdefault(issue_id, []).append((now, moment))

    def shown_at(self, issue_id: str, edit_ms: int) -> int | None:
        """Epoch milliseconds at which the row first showed this edit or a later one; None: never."""
        return next((at for at, moment in self._sightings.get(issue_id, ()) if moment >= edit_ms), None)


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)


class FeedReader(Aside):
    """Reads the change feed continuously, as SEI would, into a replica."""

    def __init__(self, app: RunningApp, integration: str) -> None:
        super().__init__("feed reader")
        self._app, self._integration = app, integration
        self._cursor: str | None = None
        self.replica: dict[tuple[str, str], dict[str, Any]] = {}
        self.versions: list[int] = []
        self.outages = 0
        """Failed requests, while the web process was down."""

    def work(self) -> None:
        while not self._over.wait(0.3):
            self.take()

    def take(self) -> None:
        """Read the feed to its end."""
        has_more = True
        while has_more:
            parameters = {"limit": 5000, **({"cursor": self._cursor} if self._cursor else {})}
            try:
                answer = self._app.api("GET", f"/integrations/{self._integration}/changes", params=parameters)
            except requests.RequestException:
                answer = None
            if answer is None or answer.status_code != 200:
                self.outages += 1
                return
            *lines, last = (json.loads(line) for line in answer.text.splitlines())
            for line in lines:
                self.versions.append(line["version"])
                self.replica[line["entity"], line["id"]] = line
            self._cursor, has_more = last["next_cursor"], last["has_more"]

    def problems(self, database_url: str, client_key: str) -> list[str]:
        """Errors of the replica: versions out of order or repeated, rows that differ from the tables."""
        problems = []
        if self.versions != sorted(set(self.versions)):
            problems.append("the feed sent a version twice or out of order")
        replica = {key: (line["version"], line["op"] == "delete") for key, line in self.replica.items()}
        with psycopg.connect(database_url) as connection:
            for name in sorted({entity for entity, _ in replica}):
                rows = connection.execute(
                    f"SELECT id, version, deleted_at IS NOT NULL FROM jira_{name} JOIN installations USING (tenant_id)"
                    " WHERE client_key = %s",
                    (client_key,),
                ).fetchall()
                tables = {(name, row_id): (version, is_gone) for row_id, version, is_gone in rows}
                feed = {key: value for key, value in replica.items() if key[0] == name}
                wrong = [key for key in tables.keys() | feed.keys() if tables.get(key) != feed.get(key)]
                problems += [f"{key}: the feed's {feed.get(key)}, the tables' {tables.get(key)}" for key in wrong[:3]]
        return problems


@dataclass(frozen=True)
class Figure:
    """A median and a tail, in milliseconds."""

    count: int
    median: int
    p95: int
    worst: int

    def __str__(self) -> str:
        return f"median {self.median} ms, p95 {self.p95} ms, worst {self.worst} ms of {self.count}"


def figure(values: list[int]) -> Figure:
    """The figure of some durations."""
    if not values:
        return Figure(0, 0, 0, 0)
    ordered_values = sorted(values)

    def at(share: float) -> int:
        return ordered_values[min(len(ordered_values) - 1, int(share * len(ordered_values)))]

    return Figure(len(ordered_values), at(0.5), at(0.95), ordered_values[-1])


@dataclass
class Latencies:
    """Milliseconds from change to row and from delivery to row, for every arrived delivery that names an issue."""

    from_change: list[int] = field(default_factory=list)
    from_delivery: list[int] = field(default_factory=list)
    """Without deliveries that arrived after a row had shown their change."""
    without_row: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, deliveries: list[dict[str, Any]], watch: RowWatch) -> Latencies:
        """Match deliveries with the rows that showed them."""
        latencies = cls()
        for delivery in deliveries:
            if delivery["receivedAt"] is None or delivery["issueId"] is None:
                continue
            is_deletion = delivery["event"] == "jira:issue_deleted"
            shown_at = watch.shown_at(delivery["issueId"], _DELETION_TIME if is_deletion else delivery["updated"])
            if shown_at is None:
                latencies.without_row.append(f"{delivery['event']} of {delivery['issueId']}")
                continue
            latencies.from_change.append(shown_at - delivery["madeAt"])
            if shown_at > delivery["receivedAt"]:
                latencies.from_delivery.append(shown_at - delivery["receivedAt"])
        return latencies


__all__ = ["Aside", "FeedReader", "Figure", "Latencies", "RowWatch", "figure"]
