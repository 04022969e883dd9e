"""The shape of an API key."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Unproven
from app.integrations.accounts import authenticate, is_key, make_key, prefix_of

KEY = "sei_AbCdEf23_" + "x" * 43


def test_a_key_has_a_prefix_to_find_it_by_and_256_random_bits() -> None:
    keys = [make_key() for _ in range(200)]
    assert len(set(keys)) == 200
    for key in keys:
        assert is_key(key)
        head, prefix, secret = key.split("_", 2)
        assert (head, len(prefix), len(secret)) == ("sei", 8, 43)  # 43 signs of six bits carry 256
        assert re.fullmatch(r"[A-Za-z0-9_-]+", secret)


def test_the_prefix_says_nothing_of_the_secret() -> None:
    key = make_key()
    assert prefix_of(key) == key[:12]
    assert key.startswith(prefix_of(key) + "_")


def test_a_prefix_has_no_signs_that_are_misread() -> None:
    assert not set("".join(prefix_of(make_key())[4:] for _ in range(300))) & set("IlO01o")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (KEY, True),
        ("sei_AbCdEf23_" + "x" * 32, True),
        ("sei_AbCdEf23_" + "x" * 128, True),
        ("sei_AbCdEf23_" + "-_" * 20, True),
        ("", False),
        ("sei_AbCdEf23_" + "x" * 31, False),
        ("sei_AbCdEf23_" + "x" * 129, False),
        ("sei_AbCdEf2_" + "x" * 43, False),
        ("sei_AbCdEf234_" + "x" * 43, False),
        ("SEI_AbCdEf23_" + "x" * 43, False),
        (f" {KEY}", False),
        (f"{KEY}\n", False),
        (f"{KEY}é", False),
        (KEY.replace("A", "\x00"), False),
    ],
)
def test_a_key_is_told_by_its_shape(text: str, is_one: bool) -> None:
    assert is_key(text) is is_one


@given(st.text(max_size=200))
def test_no_text_makes_the_check_fail(text: str) -> None:
    assert is_key(text) in {True, False}


def test_a_malformed_key_is_refused_without_asking_the_database() -> None:
    with pytest.raises(Unproven):
        authenticate(None, "not a key")  # type: ignore[arg-type]  # there is no store to ask
