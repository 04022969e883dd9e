"""A file is applied as previewed, as a whole, once, and can be taken back."""

from __future__ import annotations

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app import clock, ids, people
from app.errors import Conflicting, Malformed, Missing, Unavailable
from app.people import Source, UnfitFile, read_csv
from app.store.people import FORMER_EMAILS, PEOPLE_IMPORTS
from tests.integration.people.conftest import ANN, BOB, CID, a_file
from workers import upkeep

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.integration.people.conftest import Acme


def test_applying_does_what_the_preview_says(acme: Acme) -> None:
    acme.site("Acme", ann=None, bob="bob@acme.example")
    acme.give(ANN, "old@acme.example")
    acme.give(BOB, "bob@acme.example")
    file = a_file(ann="ann@acme.example", bob="bob@acme.example", cid="cid@acme.example")
    plan = acme.preview(file)
    assert acme.emails() == {ANN: "old@acme.example", BOB: "bob@acme.example"}, "a preview changes nothing"
    assert (plan.new_ids, plan.changes, plan.same_count, plan.unknown_ids) == (
        [CID],
        [(ANN, "old@acme.example", "ann@acme.example")],
        1,
        [CID],
    )
    record = acme.apply(file)
    assert acme.emails() == {ANN: "ann@acme.example", BOB: "bob@acme.example", CID: "cid@acme.example"}
    assert (record.new_count, record.changed_count, record.same_count, record.unknown_count) == (1, 1, 1, 1)
    second_plan = acme.preview(file)
    assert (second_plan.new_ids, second_plan.changes, second_plan.same_count) == ([], [], 3)


def test_a_bad_line_keeps_the_whole_file_out(acme: Acme) -> None:
    with pytest.raises(UnfitFile) as refusal:
        acme.apply(a_file(ann="ann@acme.example", bob="none"))
    assert [line.number for line in refusal.value.bad_lines] == [3]
    assert acme.emails() == {}
    with acme.parts.store.bound_to_account(acme.account.id) as session:
        assert people.listed(session, acme.account.id) == []


def test_a_file_without_addresses_is_no_import(acme: Acme) -> None:
    with pytest.raises(Malformed):
        acme.apply(a_file(ann=""))


def test_undoing_restores_what_was_before(acme: Acme) -> None:
    acme.give(ANN, "old@acme.example")
    record = acme.apply(a_file(ann="ann@acme.example", bob="bob@acme.example"))
    outcome = acme.undo(record)
    assert acme.emails() == {ANN: "old@acme.example"}
    assert (outcome.record.restored_count, outcome.record.stayed_count, outcome.stayed_ids) == (2, 0, [])
    assert outcome.record.undone_at is not None
    with pytest.raises(Conflicting):
        acme.undo(record)


def test_an_address_that_was_changed_since_stays(acme: Acme) -> None:
    record = acme.apply(a_file(ann="ann@acme.example", bob="bob@acme.example", cid="cid@acme.example"))
    acme.give(ANN, "corrected@acme.example")
    acme.take_back(BOB)
    outcome = acme.undo(record)
    assert acme.emails() == {ANN: "corrected@acme.example"}
    assert (outcome.record.restored_count, outcome.stayed_ids) == (1, [ANN, BOB])


def test_an_address_that_was_confirmed_since_stays(acme: Acme) -> None:
    record = acme.apply(a_file(ann="ann@acme.example"))
    acme.give(ANN, "ann@acme.example")
    assert acme.undo(record).stayed_ids == [ANN]
    assert acme.emails() == {ANN: "ann@acme.example"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_imports_can_be_undone_in_any_order(acme: Acme, order: tuple[int, ...]) -> None:
    acme.give(ANN, "zero@acme.example")
    imports = [
        acme.apply(a_file(ann="one@acme.example", bob="one@acme.example")),
        acme.apply(a_file(ann="two@acme.example", cid="two@acme.example")),
        acme.apply(a_file(ann="three@acme.example", bob="three@acme.example")),
    ]
    for number in order:
        acme.undo(imports[number])
    assert acme.emails() == {ANN: "zero@acme.example"}


def test_a_change_by_hand_between_two_imports_is_what_the_later_one_restores(acme: Acme) -> None:
    first = acme.apply(a_file(ann="one@acme.example"))
    acme.give(ANN, "hand@acme.example")
    second = acme.apply(a_file(ann="two@acme.example"))
    acme.undo(first)
    assert acme.emails() == {ANN: "two@acme.example"}
    acme.undo(second)
    assert acme.emails() == {ANN: "hand@acme.example"}


def test_an_undo_leaves_no_former_address_behind(acme: Acme) -> None:
    acme.give(ANN, "old@acme.example")
    acme.undo(acme.apply(a_file(ann="ann@acme.example")))
    with acme.parts.store.bound_to_account(acme.account.id) as session:
        assert session.execute(FORMER_EMAILS.select()).all() == []


def test_another_accounts_import_is_unknown(acme: Acme, rival: Acme) -> None:
    record = acme.apply(a_file(ann="ann@acme.example"))
    with pytest.raises(Missing):
        rival.undo(record)
    assert acme.emails() == {ANN: "ann@acme.example"}


def test_the_sweep_forgets_imports_after_thirty_days(acme: Acme) -> None:
    old, new = acme.apply(a_file(ann="ann@acme.example")), acme.apply(a_file(bob="bob@acme.example"))
    with acme.parts.store.unrestricted_unsafe() as session:
        age = clock.now() - timedelta(days=30, minutes=1)
        session.execute(PEOPLE_IMPORTS.update().where(PEOPLE_IMPORTS.c.id == old.id).values(applied_at=age))
    inspect.getclosurevars(upkeep.sweep).nonlocals["work"](acme.parts)
    with acme.parts.store.bound_to_account(acme.account.id) as session:
        assert [record.id for record in people.listed(session, acme.account.id)] == [new.id]
        assert [row.import_id for row in session.execute(FORMER_EMAILS.select())] == [new.id]
    assert acme.emails() == {ANN: "ann@acme.example", BOB: "bob@acme.example"}
    with pytest.raises(Missing):
        acme.undo(old)


def test_a_crash_before_the_commit_leaves_nothing(acme: Acme) -> None:
    acme.give(ANN, "old@acme.example")
    file = read_csv(a_file(ann="ann@acme.example", bob="bob@acme.example").encode())

    def apply_and_lose() -> None:
        with acme.parts.store.bound_to_account(acme.account.id) as session:
            people.apply(session, acme.account.id, file, Source.API)
            pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with acme.parts.store.unrestricted_unsafe() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        apply_and_lose()
    assert acme.emails() == {ANN: "old@acme.example"}
    with acme.parts.store.bound_to_account(acme.account.id) as session:
        assert people.listed(session, acme.account.id) == []
        assert session.execute(FORMER_EMAILS.select()).all() == []


def test_simultaneous_imports_follow_each_other(acme: Acme) -> None:
    """Each file is stored as a whole, and undoing all restores the beginning: none has seen half of another."""
    acme.give(ANN, "zero@acme.example")
    people_ids = [f"712020:{number}" for number in range(300)]
    start = threading.Barrier(4)

    def apply(number: int) -> people.Import:
        order = people_ids if number % 2 else people_ids[::-1]
        lines = [f"{person_id},by-{number}@acme.example" for person_id in (ANN, *order)]
        start.wait(10)
        return acme.apply("\n".join(["account_id,email", *lines]))

    with ThreadPoolExecutor(4) as pool:
        imports = list(pool.map(apply, range(4)))
    assert len(set(acme.emails().values())) == 1
    assert sorted(record.new_count for record in imports) == [0, 0, 0, 300]
    assert sorted(record.changed_count for record in imports) == [1, 301, 301, 301]
    with ThreadPoolExecutor(4) as pool:
        assert {outcome.stayed_count for outcome in (o.record for o in pool.map(acme.undo, imports))} <= {0, 301}
    assert acme.emails() == {ANN: "zero@acme.example"}


def test_of_two_simultaneous_undos_one_wins(acme: Acme) -> None:
    record = acme.apply(a_file(ann="ann@acme.example"))

    def try_it(_number: int) -> bool:
        try:
            acme.undo(record)
        except Conflicting:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(try_it, range(4))) == [False, False, False, True]


def test_a_large_file_takes_as_many_statements_as_a_small_one(
    acme: Acme, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    counts = []
    for line_count in (2, 10_000):
        lines = [f"{ids.new().hex},p{number}@acme.example" for number in range(line_count)]
        with statements() as apply_statements:
            record = acme.apply("\n".join(["account_id,email", *lines]))
        with statements() as undo_statements:
            assert acme.undo(record).record.restored_count == line_count
        counts.append((len(apply_statements), len(undo_statements)))
    assert counts[0] == counts[1]
