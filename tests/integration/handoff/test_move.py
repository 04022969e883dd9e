"""An integration moves between sites: its readers end equal to the tables of the site that it is paired with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.integrations import ledger
from app.integrations.model import State
from tests.factories import an_installed_site
from tests.integration.handoff.conftest import a_row, a_subscriber
from tests.integration.handoff.replica import Replica

if TYPE_CHECKING:
    from app.runtime import Runtime
    from tests.integration.handoff.conftest import Subscriber


def test_a_reader_ends_equal_to_the_tables_after_a_move_and_back(parts: Runtime, subscriber: Subscriber) -> None:
    first_site, other_site = subscriber.tenant_id, an_installed_site(parts).tenant_id
    subscriber.put(*(a_row("issue", str(number), summary="First site") for number in range(7)))
    reader, halfway, idle = Replica(), Replica(), Replica()
    reader.follow(subscriber)
    idle.follow(subscriber)
    halfway.follow(subscriber, pages=1)

    subscriber.pair(other_site)
    subscriber.put(a_row("issue", "1", summary="Other site"), a_row("comment", "c", body_text="Other site"))
    for replica in (reader, halfway):
        replica.follow(subscriber)
        assert replica.differences(subscriber) == {}
        assert replica.restarts == 1

    subscriber.pair(first_site)
    for replica in (reader, halfway, idle):
        replica.follow(subscriber)
        assert replica.differences(subscriber) == {}
    assert [replica.restarts for replica in (reader, halfway, idle)] == [2, 2, 1]


def test_a_reader_keeps_its_rows_and_its_cursor_while_no_site_is_paired(subscriber: Subscriber) -> None:
    site = subscriber.tenant_id
    subscriber.put(a_row("issue", "1"))
    reader = Replica()
    reader.follow(subscriber)
    with subscriber.parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, subscriber.integration_id, State.DISCONNECTED, tenant_id=None)
    lines, last = subscriber.read(cursor=reader.cursor)
    assert (lines, last) == (
        [], {"next_cursor": reader.cursor, "has_more": False, "pass": None, "pass_complete": False}
    )  # fmt: skip
    late = Replica()
    late.follow(subscriber)
    reader.follow(subscriber)
    assert len(reader.rows) == 1
    subscriber.pair(site)
    for replica in (late, reader):
        replica.follow(subscriber)
        assert replica.differences(subscriber) == {}
    assert (late.restarts, reader.restarts) == (0, 1)


def test_another_integrations_cursor_is_refused_even_at_the_same_site(parts: Runtime, subscriber: Subscriber) -> None:
    subscriber.put(a_row("issue", "1"))
    _, last = subscriber.read()
    successor = a_subscriber(parts)
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, subscriber.integration_id, State.DISCONNECTED, tenant_id=None)
    successor.pair(subscriber.tenant_id)
    answer = successor.call(cursor=last["next_cursor"])
    assert (answer.status_code, answer.json and answer.json["code"]) == (410, "cursor_of_another_life")
