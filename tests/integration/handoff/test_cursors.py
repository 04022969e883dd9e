"""A cursor that could be wrong is refused, with the way to start anew; all others go on, at no cost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app import ids
from app.handoff import epochs
from app.handoff.cursor import Cursor
from app.privacy import erase
from app.store.sync_tables import FEED_EPOCHS
from tests.integration.handoff.conftest import a_row
from tests.integration.handoff.replica import Replica

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Row

    from tests.integration.handoff.conftest import Subscriber


def epochs_of(subscriber: Subscriber) -> list[Row[tuple[object, ...]]]:
    with subscriber.parts.store.bound_to(subscriber.tenant_id) as session:
        return list(session.execute(select(FEED_EPOCHS).order_by(FEED_EPOCHS.c.number)).all())


def restart_server(subscriber: Subscriber) -> None:
    """Stand in for a restart of PostgreSQL: the server is another one."""
    with subscriber.parts.store.bound_to(subscriber.tenant_id) as session:
        session.execute(update(FEED_EPOCHS).values(server="an earlier start"))


def refusal_of(subscriber: Subscriber, cursor: object, **parameters: object) -> str:
    answer = subscriber.call(cursor=str(cursor), **parameters)
    assert answer.status_code == 410, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json is not None
    assert (answer.json["restart"], answer.json["status"]) == (True, 410)
    assert "from the beginning" in answer.json["detail"]
    return str(answer.json["code"])


def test_a_cursor_of_an_earlier_version_is_refused_with_the_way_to_start_anew(subscriber: Subscriber) -> None:
    subscriber.put(a_row("issue", "1"))
    assert refusal_of(subscriber, "17") == "cursor_outdated"
    lines, _ = subscriber.read(cursor="0")
    assert [line["id"] for line in lines] == ["1"]


def test_a_cursor_that_lost_its_end_is_malformed(subscriber: Subscriber) -> None:
    subscriber.put(a_row("issue", "1"))
    cursor = subscriber.read(entity=["issue", "comment"])[1]["next_cursor"]
    assert subscriber.call(cursor=cursor[:-4], entity=["issue", "comment"]).status_code == 400


def test_a_cursor_beyond_the_last_handout_is_refused(subscriber: Subscriber) -> None:
    """A machine that is put back with its memory restarts nothing."""
    subscriber.put(a_row("issue", "1"))
    subscriber.read()
    (epoch,) = epochs_of(subscriber)
    ahead = Cursor(epoch.id, epoch.handouts + 1, 1, "0" * 16, is_pass_complete=True, entities=())
    assert refusal_of(subscriber, ahead) == "cursor_ahead"
    stranger = Cursor(ids.new(), 1, 1, "0" * 16, is_pass_complete=True, entities=())
    assert refusal_of(subscriber, stranger) == "cursor_of_another_life"


def test_a_cursor_beyond_the_last_row_is_refused(subscriber: Subscriber) -> None:
    """Somebody put the rows back and nothing else."""
    subscriber.put(a_row("issue", "1"))
    cursor = subscriber.read()[1]["next_cursor"]
    with subscriber.parts.store.unrestricted_unsafe() as session:
        session.connection.exec_driver_sql(
            "UPDATE jira_issue SET version = version - 1 WHERE tenant_id = %s", (subscriber.tenant_id,)
        )
    assert refusal_of(subscriber, cursor) == "cursor_ahead"


def test_erased_rows_are_gone_for_readers_too(subscriber: Subscriber) -> None:
    subscriber.put(*(a_row("issue", str(number)) for number in range(5)))
    reader = Replica()
    reader.follow(subscriber)
    erase.erase_tenant_data(subscriber.parts.store, subscriber.tenant_id)
    reader.follow(subscriber)
    assert reader.rows == {}


def test_a_cursor_reads_no_entity_that_it_has_passed_over(subscriber: Subscriber) -> None:
    subscriber.put(a_row("issue", "1"), a_row("comment", "c"), a_row("sprint", "s"))
    whole = subscriber.read()[1]["next_cursor"]
    part = subscriber.read(entity=["issue", "comment"])[1]["next_cursor"]
    assert refusal_of(subscriber, part) == "cursor_of_other_entities"
    assert refusal_of(subscriber, part, entity=["sprint"]) == "cursor_of_other_entities"
    subscriber.put(a_row("issue", "2"), a_row("comment", "d"))
    for cursor in (whole, part):
        lines, last = subscriber.read(cursor=cursor, entity=["issue"])
        assert [line["id"] for line in lines] == ["2"]
        assert refusal_of(subscriber, last["next_cursor"], entity=["issue", "comment"]) == "cursor_of_other_entities"


def test_a_reader_of_some_entities_starts_anew_with_these_alone(subscriber: Subscriber) -> None:
    subscriber.put(*(a_row("issue", str(number)) for number in range(5)), a_row("comment", "c"))
    reader = Replica(entities=("issue", "sprint"))
    reader.follow(subscriber)
    assert reader.differences(subscriber) == {}
    subscriber.pair(subscriber.tenant_id)
    reader.follow(subscriber)
    assert (reader.restarts, reader.differences(subscriber)) == (1, {})


def test_a_restart_of_the_server_costs_readers_nothing(subscriber: Subscriber) -> None:
    subscriber.put(*(a_row("issue", str(number)) for number in range(5)))
    reader, idle = Replica(), Replica()
    reader.follow(subscriber, pages=1)
    idle.follow(subscriber)
    for number in range(3):
        restart_server(subscriber)
        subscriber.put(a_row("issue", f"new {number}"))
        reader.follow(subscriber, pages=1)
    assert [epoch.number for epoch in epochs_of(subscriber)] == [1, 2, 3, 4]
    for replica in (reader, idle):
        replica.follow(subscriber)
        assert (replica.restarts, replica.differences(subscriber)) == (0, {})


def test_the_oldest_epochs_are_dropped_and_their_cursors_refused(
    subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "REMEMBERED", 2)
    subscriber.put(a_row("issue", "1"))
    cursors = []
    for _ in range(4):
        cursors.append(subscriber.read()[1]["next_cursor"])
        restart_server(subscriber)
    subscriber.read()
    assert [epoch.number for epoch in epochs_of(subscriber)] == [4, 5]
    assert [subscriber.call(cursor=cursor).status_code for cursor in cursors] == [410, 410, 410, 200]


def test_a_reader_at_the_end_writes_nothing_and_keeps_its_cursor(subscriber: Subscriber) -> None:
    subscriber.put(a_row("issue", "1"))
    cursor = subscriber.read()[1]["next_cursor"]
    rows = epochs_of(subscriber)
    assert [subscriber.read(cursor=cursor) for _ in range(3)] == [subscriber.read(cursor=cursor)] * 3
    assert subscriber.read(cursor=cursor)[1]["next_cursor"] == cursor
    assert len(cursor) <= 64
    assert epochs_of(subscriber) == rows


def test_the_first_readers_of_a_tenant_may_come_at_the_same_time(subscriber: Subscriber) -> None:
    subscriber.put(a_row("issue", "1"))
    subscriber.read()
    restart_server(subscriber)
    cursors: list[str] = []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        cursors.append(subscriber.read()[1]["next_cursor"])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(cursors)) == 8
    assert [(epoch.number, epoch.handouts) for epoch in epochs_of(subscriber)] == [(1, 1), (2, 8)]
    assert all(subscriber.call(cursor=cursor).status_code == 200 for cursor in cursors)
