"""Our ids are UUIDs of version 7 (RFC 9562 §5.7): in the order in which they were made, and not to be guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import ids

if TYPE_CHECKING:
    from tests.unit.conftest import Hands


def test_version_and_variant_are_rfc_9562s() -> None:
    for _ in range(100):
        made = ids.new()
        assert made.version == 7
        assert made.variant == "specified in RFC 4122"


def test_the_first_48_bits_are_the_milliseconds(hands: Hands) -> None:
    assert ids.new().int >> 80 == int(hands.at.timestamp() * 1000)


def test_later_ids_sort_later(hands: Hands) -> None:
    found = []
    for _ in range(50):
        found.append(ids.new())
        hands.move(0.001)
    assert found == sorted(found)
    assert [str(each) for each in found] == sorted(str(each) for each in found)


@pytest.mark.usefixtures("hands")
def test_ids_of_one_moment_differ_in_every_random_bit() -> None:
    found = [ids.new().int for _ in range(300)]
    assert len(set(found)) == 300
    ever, always = 0, ~0
    for each in found:
        ever, always = ever | each, always & each
    random_bits = (2**80 - 1) & ~(0xF << 76) & ~(0x3 << 62)
    assert (ever & ~always) & (2**80 - 1) == random_bits


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0192f0a0-0000-7000-8000-000000000000", True),
        ("0192F0A0-0000-7000-8000-000000000000", True),
        ("0192f0a0000070008000000000000000", True),
        ("", False),
        ("0192f0a0-0000-7000-8000-00000000000", False),
        ("0192f0a0-0000-7000-8000-00000000000g", False),
        ("' OR 1=1 --", False),
    ],
)
def test_a_callers_text_is_an_id_or_nothing(text: str, read: bool) -> None:
    assert (ids.parse(text) is not None) is read


@given(st.uuids())
def test_an_id_reads_back(known: UUID) -> None:
    assert ids.parse(str(known)) == known


@given(st.text(max_size=50))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert ids.parse(text) is None or isinstance(ids.parse(text), UUID)


def test_what_stands_for_somebody_says_nothing_and_is_the_same_each_time() -> None:
    found = {ids.opaque("a", "b"), ids.opaque("a/b"), ids.opaque("b"), ids.opaque(None), ids.opaque("\ud800")}
    assert len(found) == 4
    assert all(len(each) == 32 and each.isalnum() for each in found)
    assert "eve" not in ids.opaque("eve@victim.example")
