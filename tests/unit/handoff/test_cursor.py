"""The text of the feed's cursors."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.registry import all_entities
from app.errors import Malformed, StartAnew
from app.handoff.cursor import PATTERN, Cursor, parse

CURSORS = st.builds(
    Cursor,
    epoch_id=st.uuids(),
    handout=st.integers(0, 2**63 - 1),
    version=st.integers(0, 2**63 - 1),
    pass_id=st.binary(min_size=8, max_size=8).map(bytes.hex),
    is_pass_complete=st.booleans(),
    entities=st.lists(st.sampled_from(list(all_entities())), unique=True).map(tuple),
)
CURSOR = Cursor(UUID(int=7), 3, 9, "00ff" * 4, is_pass_complete=True, entities=("issue", "sprint"))


@given(CURSORS)
def test_a_cursor_survives_its_text_which_has_the_form_of_cursors(cursor: Cursor) -> None:
    text = str(cursor)
    assert parse(text) == cursor
    assert re.fullmatch(PATTERN, text)
    assert cursor.entities or len(text) <= 64


@pytest.mark.parametrize("text", [None, "", "0", "00"])
def test_no_cursor_and_nought_are_the_beginning(text: str | None) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("text", ["7", "007", str(2**63 - 1)])
def test_a_number_is_of_an_earlier_version(text: str) -> None:
    with pytest.raises(StartAnew):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["-1", "+1", "1.0", "1e3", "0x1", " 1", "1 ", "1\n", "1_000", "٣", "³", "x", "null", "9" * 64, "1;2", "c", "c===="],
)
def test_a_cursor_that_is_not_ours_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text)


@given(st.text(max_size=64) | st.text("abcXYZ019-_", max_size=80).map("c".__add__))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    try:
        assert parse(text) is None
    except (Malformed, StartAnew):
        return


@pytest.mark.parametrize("length", range(1, len(str(CURSOR))))
def test_a_cursor_that_was_cut_off_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        parse(str(CURSOR)[:length])


@pytest.mark.parametrize("numbers", [(-1, 9), (3, -9)])
def test_a_cursor_with_numbers_below_zero_is_malformed(numbers: tuple[int, int]) -> None:
    with pytest.raises(Malformed):
        parse(str(Cursor(CURSOR.epoch_id, *numbers, CURSOR.pass_id, is_pass_complete=False, entities=())))


@pytest.mark.parametrize(
    ("cursor_entities", "names", "is_covered"),
    [
        ((), (), True),
        ((), ("issue",), True),
        (("issue", "sprint"), ("sprint",), True),
        (("issue", "sprint"), (), False),
        (("issue",), ("issue", "sprint"), False),
    ],
)
def test_a_cursor_covers_the_entities_that_were_read(
    cursor_entities: tuple[str, ...], names: tuple[str, ...], is_covered: bool
) -> None:
    cursor = Cursor(CURSOR.epoch_id, 3, 9, CURSOR.pass_id, is_pass_complete=True, entities=cursor_entities)
    assert cursor.covers(names) is is_covered
