"""One worker of each machine is reserved for interactive jobs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from redis import Redis
from rq.worker_pool import WorkerData

from app.jobs import Lane
from workers.pool import Pool

if TYPE_CHECKING:
    import pytest

LIVE = [Lane.LIVE.value]
ALL_LANES = [lane.value for lane in Lane]


def lanes_of(process: Any) -> list[str]:
    return list(process._args[1])


def started(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Start the pool's workers without processes. Returns the lanes of each worker by name."""
    lanes: dict[str, list[str]] = {}

    def start_worker(*_: object, **__: object) -> None:
        name = f"worker-{len(lanes)}"
        lanes[name] = lanes_of(pool.get_worker_process(name, burst=False))
        pool.worker_dict[name] = WorkerData(name, 0, SimpleNamespace())  # type: ignore[arg-type]  # no process is needed

    monkeypatch.setattr(pool, "start_worker", start_worker)
    pool.start_workers(burst=False)
    return lanes


def test_one_more_than_asked_for_takes_live_jobs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(Redis.from_url("redis://127.0.0.1:1/0"), 3)
    assert sorted(started(pool, monkeypatch).values()) == sorted([LIVE, ALL_LANES, ALL_LANES, ALL_LANES])


def test_whoever_comes_for_it_when_it_died_does_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(Redis.from_url("redis://127.0.0.1:1/0"), 2)
    lanes = started(pool, monkeypatch)
    (live,) = [name for name, lane_names in lanes.items() if lane_names == LIVE]
    pool.worker_dict.pop(live)
    assert lanes_of(pool.get_worker_process("next", burst=False)) == LIVE
    pool.worker_dict["next"] = pool.worker_dict.popitem()[1]
    assert lanes_of(pool.get_worker_process("another", burst=False)) == ALL_LANES
