"""The wrapper of every job: passes the process's runtime, binds the job's name to the logs, tells failures apart."""

from __future__ import annotations

import ctypes
import functools
import gc
import inspect
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, ParamSpec
from uuid import UUID

import structlog

from app import config, logs, runtime
from app.errors import JiraFailure, JiraRefused, Unavailable, condition_of
from app.ingest.proof import parking
from app.store import activity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.conditions import Condition
    from app.runtime import Runtime

P = ParamSpec("P")
log = logs.get(__name__)

_M_ARENA_MAX = -8
"""glibc's option for the maximum of heaps (malloc.h)."""
_addresses: tuple[str, str] | None = None


def use_servers(database_url: str, redis_url: str) -> None:
    """Set the servers' addresses before workers are forked: each opens connections of its own."""
    global _addresses  # noqa: PLW0603 - set once by the parent, read by each worker after its fork
    _addresses = (database_url, redis_url)
    _runtime.cache_clear()


@functools.cache
def _runtime() -> Runtime:
    # Pages become millions of short-lived small objects: a collection at every 700 of them costs more than it frees.
    gc.set_threshold(25_000, 20, 50)
    # By default each thread has a heap of its own and never returns it: a fifth of a worker's memory.
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_ARENA_MAX, 2)
    # A writer holds the tenant's lock while it waits for the interpreter, ten times a page: 5 ms each time is too long.
    sys.setswitchinterval(0.001)
    if _addresses is None:
        raise RuntimeError("use_servers() was not called")
    settings = config.load()
    logs.configure(is_production=settings.is_production)
    return runtime.assemble(settings, database_url=_addresses[0], redis_url=_addresses[1], pool_size=10)


def job(work: Callable[Concatenate[Runtime, P], Condition | None]) -> Callable[P, Condition | None]:
    """Turn a function of the runtime and JSON ids into a job function; RQ passes the ids.

    A job with a tenant's id as first argument leaves a line with its result in the tenant's activity. The result None
    means no work, and leaves no line.
    """
    is_tenants = list(inspect.signature(work).parameters)[1:2] == ["tenant_id"]

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> Condition | None:
        with structlog.contextvars.bound_contextvars(job=work.__name__):
            try:
                with _line(work.__name__, UUID(str(args[0]))) if is_tenants else nullcontext(_Line()) as line:
                    line.result = work(_runtime(), *args, **kwargs)
                    return line.result
            except (JiraFailure, Unavailable) as failure:
                if is_tenants and isinstance(failure, JiraRefused) and failure.is_credential:
                    parking.confirm(_runtime().store, _runtime().sites, UUID(str(args[0])))
                # The work is recorded in PostgreSQL, and the sweep brings it back. A stack trace would add nothing.
                log.warning("job gave way", reason=str(failure))
                return None

    # RQ checks the signature of the wrapped function, which has one argument more.
    del run.__wrapped__
    return run


@dataclass
class _Line:
    """The result of a run, for its line of activity."""

    result: Condition | None = None


@contextmanager
def _line(name: str, tenant_id: UUID) -> Iterator[_Line]:
    """Record a run as a line in the tenant's activity."""
    store, line = _runtime().store, _Line()
    with store.bound_to(tenant_id) as session:
        run_id = activity.begin(session, name)
    try:
        yield line
    except Exception as failure:
        is_passing = isinstance(failure, JiraFailure | Unavailable)
        with store.bound_to(tenant_id) as session:
            activity.end(session, run_id, "put off" if is_passing else "failed", error=condition_of(failure))
        raise
    with store.bound_to(tenant_id) as session:
        if line.result is None:
            activity.forget(session, run_id)
        else:
            activity.end(session, run_id, "done", detail=line.result)
