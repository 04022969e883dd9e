"""A database is put back to an earlier state: each reader either goes on or is told to start anew, and ends right."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app import embedded, runtime
from app.store.migrations import runner
from tests import databases
from tests.integration.handoff import backups
from tests.integration.handoff.conftest import Subscriber, a_row, a_subscriber
from tests.integration.handoff.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.config import Settings


@pytest.fixture
def subscriber(settings: Settings, own_database_url: str, redis_url: str) -> Iterator[Subscriber]:
    """Of a database of its own, with ten issues and a comment."""
    parts = runtime.assemble(settings, database_url=own_database_url, redis_url=redis_url)
    subscriber = a_subscriber(parts)
    subscriber.put(*(a_row("issue", str(number), summary="First") for number in range(10)), a_row("comment", "c"))
    yield subscriber
    parts.store.engine.dispose()
    parts.redis.close()


def live_on(subscriber: Subscriber, word: str, count: int) -> None:
    """Edit two issues, delete one, and add others."""
    subscriber.put(a_row("issue", "1", summary=word), a_row("issue", "8", summary=word))
    subscriber.bury("issue", "9")
    subscriber.put(*(a_row("issue", f"{word}-{number}", summary=word) for number in range(count)))


class Readers:
    """Four readers that follow the rules, and begin and pause at different times around a backup."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.before, self.halfway, self.across, self.late = Replica(), Replica(), Replica(), Replica()
        self.before.follow(subscriber)
        self.halfway.follow(subscriber, pages=1)
        self.across.follow(subscriber)

    def read_what_will_be_lost(self, subscriber: Subscriber) -> None:
        """Read after the backup; the reader that is halfway stays below every version of the backup."""
        self.halfway.follow(subscriber, pages=1)
        self.across.follow(subscriber)
        self.late.follow(subscriber)

    def end_equal_to(self, subscriber: Subscriber) -> None:
        """Read to the end. Only the reader that stopped before the backup has a cursor that still holds."""
        readers = self.before, self.halfway, self.across, self.late
        for reader in readers:
            reader.follow(subscriber, limit=30)
            assert reader.differences(subscriber) == {}
        assert [reader.restarts for reader in readers] == [0, 1, 1, 1]


@pytest.mark.parametrize("restore", backups.RESTORES, ids=lambda restore: restore.__name__)
def test_every_reader_ends_equal_to_a_database_restored_from_a_dump(
    subscriber: Subscriber,
    server_url: str,
    own_database_url: str,
    tmp_path: Path,
    restore: Callable[[str, str, Path], None],
) -> None:
    readers = Readers(subscriber)
    backups.dump(own_database_url, tmp_path / "dump")
    live_on(subscriber, "lost", 5)
    readers.read_what_will_be_lost(subscriber)
    restore(server_url, own_database_url, tmp_path / "dump")
    live_on(subscriber, "new", 9)
    readers.end_equal_to(subscriber)
    live_on(subscriber, "newer", 2)
    readers.end_equal_to(subscriber)


def test_every_reader_ends_equal_to_a_copy_that_took_the_databases_place(
    subscriber: Subscriber, server_url: str, own_database_url: str
) -> None:
    """A copy has the same tables with the same ids, written by the same transactions."""
    readers = Readers(subscriber)
    subscriber.parts.store.engine.dispose()
    copy_url = backups.copy(server_url, own_database_url)
    live_on(subscriber, "lost", 5)
    readers.read_what_will_be_lost(subscriber)
    backups.take_the_name(server_url, copy_url, own_database_url)
    live_on(subscriber, "new", 9)
    readers.end_equal_to(subscriber)


def test_a_dump_of_the_last_state_costs_no_reader_anything(
    subscriber: Subscriber, server_url: str, own_database_url: str, tmp_path: Path
) -> None:
    """As when PostgreSQL moves to another machine."""
    readers = Replica(), Replica()
    readers[0].follow(subscriber)
    readers[1].follow(subscriber, pages=1)
    backups.dump(own_database_url, tmp_path / "dump")
    backups.restore_as_new(server_url, own_database_url, tmp_path / "dump")
    live_on(subscriber, "new", 3)
    for reader in readers:
        reader.follow(subscriber)
        assert reader.differences(subscriber) == {}
        assert reader.restarts == 0


def test_every_reader_ends_equal_to_a_server_whose_disk_was_put_back(
    settings: Settings, redis_url: str, fill: Callable[[Path], Path], tmp_path: Path
) -> None:
    """A snapshot of the disk is the same database in everything but the start of the server."""
    disk, snapshot = fill(tmp_path / "disk"), tmp_path / "snapshot"
    with subscriber_on(disk, settings, redis_url) as subscriber:
        subscriber.put(*(a_row("issue", str(number), summary="First") for number in range(10)), a_row("comment", "c"))
        readers = Readers(subscriber)
    subprocess.run(["cp", "-a", str(disk), str(snapshot)], check=True)
    with subscriber_on(disk, settings, redis_url, subscriber) as subscriber:
        live_on(subscriber, "lost", 5)
        readers.read_what_will_be_lost(subscriber)
    shutil.rmtree(disk)
    snapshot.rename(disk)
    with subscriber_on(disk, settings, redis_url, subscriber) as subscriber:
        live_on(subscriber, "new", 9)
        readers.end_equal_to(subscriber)


@contextmanager
def subscriber_on(
    disk: Path, settings: Settings, redis_url: str, subscriber: Subscriber | None = None
) -> Iterator[Subscriber]:
    """A subscriber, new or the same as before, of a server that runs on this disk."""
    with embedded.running(disk, postgres=True, valkey=False) as servers:
        url = str(servers.database_url)
        databases.stop_waiting_for_the_disk(url)
        runner.upgrade(url)
        parts = runtime.assemble(settings, database_url=url, redis_url=redis_url)
        yield replace(subscriber, parts=parts) if subscriber else a_subscriber(parts)
        parts.store.engine.dispose()
        parts.redis.close()
