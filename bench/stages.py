"""Time of an ingest by stage: `python -m bench.stages TENANT` runs a worker's jobs in this process, with stopwatches.

The stopwatches wrap the functions below. Time within an inner one does not count for the outer one.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app import config, runtime
from app.store import claims
from workers import ingest, job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.runtime import Runtime

WATCH_POINTS = (
    ("turn", "app.jira.limits", "Limiter._enter"),
    ("wire", "app.jira.client", "Site._send"),
    ("parse", "app.jira.client", "parse"),
    ("extract", "app.ingest.backfill.walk", "parse_page"),
    ("store", "app.store.session", "Store.bound_to"),
)
"""Stage, module and name. `turn` is the wait for the limiter; a bound session counts as `store` until its commit."""
STAGES = tuple(stage for stage, _, _ in WATCH_POINTS)


class Watches:
    """Wall and CPU seconds by stage, across all threads."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self._local = threading.local()
        self._lock = threading.Lock()

    @contextmanager
    def watch(self, stage: str) -> Iterator[None]:
        """Time the block for a stage, without inner stages."""
        stack: list[list[float]] = self._local.__dict__.setdefault("stack", [])
        inner = [0.0, 0.0]
        stack.append(inner)
        wall, cpu = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            stack.pop()
            wall, cpu = time.monotonic() - wall, time.thread_time() - cpu
            if stack:
                stack[-1][0] += wall
                stack[-1][1] += cpu
            with self._lock:
                self.wall[stage] += wall - inner[0]
                self.cpu[stage] += cpu - inner[1]

    def around(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a stopwatch."""

        @functools.wraps(work)
        def timed_function(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any signature
            with self.watch(stage):
                return work(*args, **kwargs)

        return timed_function

    def within(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return the context manager with a stopwatch that includes the block."""

        @functools.wraps(work)
        @contextmanager
        def timed_context(*args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401 - any signature
            with self.watch(stage), work(*args, **kwargs) as context:
                yield context

        return timed_context

    def install(self) -> None:
        """Replace each function of `WATCH_POINTS` by a timed one."""
        for stage, module, path in WATCH_POINTS:
            owner: Any = importlib.import_module(module)
            *owners, name = path.split(".")
            for step in owners:
                owner = getattr(owner, step)
            wrap = self.within if name == "bound_to" else self.around
            setattr(owner, name, wrap(stage, getattr(owner, name)))


def _is_waiting(parts: Runtime, tenant_id: UUID) -> bool:
    with parts.store.bound_to(tenant_id) as session:
        return claims.standing(session).waiting > 0


def main(tenant_id: str) -> None:
    """Ingest a paired tenant completely and print the times as JSON."""
    settings = config.load()
    job.use_servers(str(settings.database_url), str(settings.redis_url))
    ingest.plan(tenant_id)
    parts = runtime.assemble(settings, database_url=str(settings.database_url), redis_url=str(settings.redis_url))
    watches = Watches()
    watches.install()
    wall, cpu = time.monotonic(), time.process_time()
    while _is_waiting(parts, UUID(tenant_id)):
        if ingest.backfill(tenant_id) is None:
            time.sleep(0.2)  # noqa: TID251 - nothing is due, and there is no other worker
    report = {
        "wall": time.monotonic() - wall,
        "cpu": time.process_time() - cpu,
        "wall_by_stage": dict(watches.wall),
        "cpu_by_stage": dict(watches.cpu),
    }
    sys.stdout.write("\n" + json.dumps(report) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
