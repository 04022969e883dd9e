"""Our ids are UUIDs of version 7 (RFC 9562 §5.7): ordered by creation and unguessable."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import ids

if TYPE_CHECKING:
    from tests.unit.conftest import FrozenClock


def test_version_and_variant_are_rfc_9562s() -> None:
    for _ in range(100):
        new_id = ids.new()
        assert new_id.version == 7
        assert new_id.variant == "specified in RFC 4122"


def test_the_first_48_bits_are_the_milliseconds(frozen_clock: FrozenClock) -> None:
    assert ids.new().int >> 80 == int(frozen_clock.at.timestamp() * 1000)


def test_later_ids_sort_later(frozen_clock: FrozenClock) -> None:
    new_ids = []
    for _ in range(50):
        new_ids.append(ids.new())
        frozen_clock.move(0.001)
    assert new_ids == sorted(new_ids)
    assert [str(new_id) for new_id in new_ids] == sorted(str(new_id) for new_id in new_ids)


@pytest.mark.usefixtures("frozen_clock")
def test_ids_of_one_moment_differ_in_every_random_bit() -> None:
    numbers = [ids.new().int for _ in range(300)]
    assert len(set(numbers)) == 300
    any_bits, common_bits = 0, ~0
    for number in numbers:
        any_bits, common_bits = any_bits | number, common_bits & number
    random_bits = (2**80 - 1) & ~(0xF << 76) & ~(0x3 << 62)
    assert (any_bits & ~common_bits) & (2**80 - 1) == random_bits


@pytest.mark.parametrize(
    ("text", "is_id"),
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
def test_a_callers_text_is_an_id_or_nothing(text: str, is_id: bool) -> None:
    assert (ids.parse(text) is not None) is is_id


@given(st.uuids())
def test_an_id_reads_back(new_id: UUID) -> None:
    assert ids.parse(str(new_id)) == new_id


@given(st.text(max_size=50))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert ids.parse(text) is None or isinstance(ids.parse(text), UUID)


def test_what_stands_for_somebody_says_nothing_and_is_the_same_each_time() -> None:
    texts = {ids.opaque("a", "b"), ids.opaque("a/b"), ids.opaque("b"), ids.opaque(None), ids.opaque("\ud800")}
    assert len(texts) == 4
    assert all(len(text) == 32 and text.isalnum() for text in texts)
    assert "eve" not in ids.opaque("eve@victim.example")
