"""Where the time of an ingest goes: `python -m bench.stages TENANT` runs a worker's own jobs in this process, with watches.

Watches are put around the names below; time inside an inner one does not count for the outer one.
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

WATCHED = (
    ("turn", "app.jira.limits", "Limiter._enter"),
    ("wire", "app.jira.client", "Site._send"),
    ("parse", "app.jira.client", "parse"),
    ("extract", "app.ingest.backfill.walk", "parse_page"),
    ("store", "app.store.session", "Store.bound_to"),
)
"""Stage, module and name; `turn` is the wait for the limiter, and a bound session counts as store from its begin to its commit."""
STAGES = tuple(stage for stage, _, _ in WATCHED)


class Watches:
    """Wall and CPU seconds by stage, over all threads."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self._local = threading.local()
        self._lock = threading.Lock()

    @contextmanager
    def watch(self, stage: str) -> Iterator[None]:
        """Count the body for a stage, less what inner stages take."""
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
        """The same function, watched."""

        @functools.wraps(work)
        def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it takes
            with self.watch(stage):
                return work(*args, **kwargs)

        return watched

    def within(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same context manager, its body watched too."""

        @functools.wraps(work)
        @contextmanager
        def watched(*args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401 - whatever it takes
            with self.watch(stage), work(*args, **kwargs) as made:
                yield made

        return watched

    def put_on(self) -> None:
        """Replace what is watched by itself with a watch."""
        for stage, module, path in WATCHED:
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
    """Plan and pull a paired tenant to the end; say on stdout what took how long."""
    settings = config.load()
    job.use_servers(str(settings.database_url), str(settings.redis_url))
    ingest.plan(tenant_id)
    parts = runtime.assemble(settings, database_url=str(settings.database_url), redis_url=str(settings.redis_url))
    watches = Watches()
    watches.put_on()
    wall, cpu = time.monotonic(), time.process_time()
    while _is_waiting(parts, UUID(tenant_id)):
        if ingest.backfill(tenant_id) is None:
            time.sleep(0.2)  # noqa: TID251 - nothing is due yet, and this process is the only worker
    found = {
        "wall": time.monotonic() - wall,
        "cpu": time.process_time() - cpu,
        "wall_by_stage": dict(watches.wall),
        "cpu_by_stage": dict(watches.cpu),
    }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
