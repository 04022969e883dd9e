"""The feed answers for all contents of the tables and all changes during a read."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from app.handoff import feed
from app.privacy import erase
from tests.integration.handoff.conftest import a_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.handoff.conftest import Subscriber

HUGE = [2**64, -(2**63) - 1, 10**308, 2**63, 2**64 - 1, -(2**63)]


@pytest.fixture
def between_its_statements(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has another thread do something after the feed chose its rows and before it reads them."""

    def arrange(act: Callable[[], object]) -> None:
        choose = feed._heads

        def choose_and_wait(*arguments: Any, **options: Any) -> Any:
            heads = choose(*arguments, **options)
            thread = threading.Thread(target=act)
            thread.start()
            thread.join()
            monkeypatch.undo()
            return heads

        monkeypatch.setattr(feed, "_heads", choose_and_wait)

    return arrange


def test_a_row_that_is_erased_meanwhile_is_left_out(
    subscriber: Subscriber, between_its_statements: Callable[[Callable[[], object]], None]
) -> None:
    subscriber.put(a_row("issue", "1"), a_row("comment", "c"))
    between_its_statements(lambda: erase.erase_tenant_data(subscriber.parts.store, subscriber.tenant_id))
    lines, last = subscriber.read()
    assert (lines, last["has_more"]) == ([], True)
    assert subscriber.call(cursor=last["next_cursor"]).status_code == 410, "the reader's other rows are gone too"
    lines, last = subscriber.read()
    assert (lines, last["pass_complete"]) == ([], True)


def test_a_row_that_changes_meanwhile_comes_once_as_it_is_then(
    subscriber: Subscriber, between_its_statements: Callable[[Callable[[], object]], None]
) -> None:
    subscriber.put(a_row("issue", "1", summary="Before"), a_row("issue", "2"))
    between_its_statements(lambda: subscriber.put(a_row("issue", "1", summary="After")))
    lines, last = subscriber.read()
    assert [line["id"] for line in lines] == ["2"]
    assert (last["has_more"], last["pass_complete"]) == (True, False)
    lines, _ = subscriber.read(cursor=last["next_cursor"])
    assert [(line["id"], line["data"]["summary"]) for line in lines] == [("1", "After")]


@pytest.mark.parametrize("number", HUGE)
def test_a_number_beyond_64_bits_is_handed_out(subscriber: Subscriber, number: int) -> None:
    """JSON has numbers of any size, PostgreSQL writes them out in full, and the feed's writer knows 64 bits."""
    subscriber.put(a_row("issue", "1", custom=f'{{"customfield_1": {number}, "customfield_2": [{{"a": {number}}}]}}'))
    lines, _ = subscriber.read()
    assert lines[0]["data"]["custom"] == {"customfield_1": number, "customfield_2": [{"a": number}]}
