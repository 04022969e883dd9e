"""Watches a run from outside: when rows show a change, and what a reader of the feed sees meanwhile."""

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
_GONE = 2**62
"""What a deleted row counts as: later than any edit."""


class Aside(threading.Thread):
    """Work beside a run, ended when the run is; what went wrong in it is raised there."""

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
    """Notes when each version of each issue's row was first to be seen by SQL, to 40 ms."""

    def __init__(self, database_url: str, client_key: str) -> None:
        super().__init__("row watch")
        self._database_url, self._client_key = database_url, client_key
        self._seen: dict[str, list[tuple[int, int]]] = {}

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
                for known, updated, is_gone, version in rows:  # noqa: B007 - the last version is where to go on
                    moment = _GONE if is_gone else _ms(updated)
                    self._seen.setdefault(known, []).append((now, moment))

    def shown_at(self, issue_id: str, updated: int) -> int | None:
        """When the row first showed an edit (epoch ms both): that of `updated` or a later one; None where it never did."""
        return next((at for at, moment in self._seen.get(issue_id, ()) if moment >= updated), None)


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)


class FeedReader(Aside):
    """Takes the change feed as SEI would, all the while, and keeps what a replica would hold."""

    def __init__(self, app: RunningApp, integration: str) -> None:
        super().__init__("feed reader")
        self._app, self._integration = app, integration
        self._cursor: str | None = None
        self.replica: dict[tuple[str, str], dict[str, Any]] = {}
        self.versions: list[int] = []
        self.refused = 0
        """Times the feed was not to be had: web was down."""

    def work(self) -> None:
        while not self._over.wait(0.3):
            self.take()

    def take(self) -> None:
        """Read to the end."""
        has_more = True
        while has_more:
            asked = {"limit": 5000, **({"cursor": self._cursor} if self._cursor else {})}
            try:
                answer = self._app.api("GET", f"/integrations/{self._integration}/changes", params=asked)
            except requests.RequestException:
                answer = None
            if answer is None or answer.status_code != 200:
                self.refused += 1
                return
            *lines, last = (json.loads(line) for line in answer.text.splitlines())
            for line in lines:
                self.versions.append(line["version"])
                self.replica[line["entity"], line["id"]] = line
            self._cursor, has_more = last["next_cursor"], last["has_more"]

    def problems(self, database_url: str, client_key: str) -> list[str]:
        """What a replica fed by this reader got wrong: versions out of order or twice, rows that are not the tables'."""
        found = []
        if self.versions != sorted(set(self.versions)):
            found.append("the feed sent a version twice or out of order")
        held = {key: (line["version"], line["op"] == "delete") for key, line in self.replica.items()}
        with psycopg.connect(database_url) as connection:
            for name in sorted({entity for entity, _ in held}):
                rows = connection.execute(
                    f"SELECT id, version, deleted_at IS NOT NULL FROM jira_{name} JOIN installations USING (tenant_id)"
                    " WHERE client_key = %s",
                    (client_key,),
                ).fetchall()
                stored = {(name, known): (version, is_gone) for known, version, is_gone in rows}
                theirs = {key: value for key, value in held.items() if key[0] == name}
                wrong = [key for key in stored.keys() | theirs.keys() if stored.get(key) != theirs.get(key)]
                found += [f"{key}: the feed's {theirs.get(key)}, the tables' {stored.get(key)}" for key in wrong[:3]]
        return found


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
    ordered = sorted(values)

    def at(share: float) -> int:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return Figure(len(ordered), at(0.5), at(0.95), ordered[-1])


@dataclass
class Latencies:
    """From change to row, and from delivery to row, of every delivery that named an issue and arrived."""

    from_change: list[int] = field(default_factory=list)
    from_delivery: list[int] = field(default_factory=list)
    """Without those whose change a row showed before they arrived."""
    never: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, deliveries: list[dict[str, Any]], watch: RowWatch) -> Latencies:
        """Hold what was delivered against what was seen."""
        made = cls()
        for each in deliveries:
            if each["receivedAt"] is None or each["issueId"] is None:
                continue
            is_deletion = each["event"] == "jira:issue_deleted"
            shown = watch.shown_at(each["issueId"], _GONE if is_deletion else each["updated"])
            if shown is None:
                made.never.append(f"{each['event']} of {each['issueId']}")
                continue
            made.from_change.append(shown - each["madeAt"])
            if shown > each["receivedAt"]:
                made.from_delivery.append(shown - each["receivedAt"])
        return made


__all__ = ["Aside", "FeedReader", "Figure", "Latencies", "RowWatch", "figure"]
