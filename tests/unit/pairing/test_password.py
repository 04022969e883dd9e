"""One-time passwords: hard to guess, easy to read aloud, tolerant of typing mistakes."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pairing import password
from app.vault import Vault

GOOD = "7K3M9QXA0123WZ45"


def test_a_password_has_eighty_bits() -> None:
    assert math.log2(len(password.ALPHABET)) * password.LENGTH == 80
    assert len(set(password.ALPHABET)) == len(password.ALPHABET)


def test_the_alphabet_is_crockfords() -> None:
    assert set(password.ALPHABET) == set(string.digits + string.ascii_uppercase) - set("ILOU")


def test_a_password_is_four_groups_of_four() -> None:
    for _ in range(100):
        groups = password.make().split("-")
        assert [len(group) for group in groups] == [4, 4, 4, 4]
        assert set("".join(groups)) <= set(password.ALPHABET)


def test_every_sign_comes_at_every_place() -> None:
    passwords = [password.normal(password.make()) or "" for _ in range(2000)]
    assert len(set(passwords)) == 2000
    for place in range(password.LENGTH):
        assert {one_password[place] for one_password in passwords} == set(password.ALPHABET)


@pytest.mark.parametrize(
    "text",
    [
        "7K3M-9QXA-0123-WZ45",
        "7K3M9QXA0123WZ45",
        "7k3m-9qxa-0123-wz45",
        "7K3M 9QXA 0123 WZ45",
        "  7K3M-9QXA-0123-WZ45\r\n",
        "7K3M\t9QXA\t0123\tWZ45",
        "7K3M_9QXA.0123·WZ45",
        "7K3M–9QXA—0123−WZ45",
        "7K3M‑9QXA‐0123‒WZ45",
        "7K3M\u00a09QXA\u00a00123\u00a0WZ45",
        "\ufeff7K3M\u200b-9QXA-0123-WZ45",
        "7K3M-9QXA-O123-WZ45",
        "7K3M-9QXA-o123-wz45",
        "7K3M-9QXA-0I23-WZ45",
        "7K3M-9QXA-0l23-WZ45",
        "7-K-3-M-9-Q-X-A-0-1-2-3-W-Z-4-5",
    ],
)
def test_case_separators_and_misreadings_are_forgiven(text: str) -> None:
    assert password.normal(text) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "7K3M-9QXA-0123-WZ4",
        "7K3M-9QXA-0123-WZ455",
        "7K3M-9QXA-0123-WZ4U",
        "7K3M-9QXA-0123-WZ4!",
        "7K3M-9QXA-0123-WZ4Ж",
        "7K3M/9QXA/0123/WZ45",
        "7K3M-9QXA-0123-WZ4５",
        "\x007K3M-9QXA-0123-WZ45",
        "7K3M-9QXA-0123-WZ45" + " " * 100,
        "A" * 10_000_000,
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_cannot_be_a_password_is_none(text: str) -> None:
    assert password.normal(text) is None


@given(st.text(max_size=120))
def test_any_text_is_a_password_in_its_one_normal_form_or_none(text: str) -> None:
    normal_form = password.normal(text)
    if normal_form is not None:
        assert len(normal_form) == password.LENGTH
        assert set(normal_form) <= set(password.ALPHABET)
        assert password.normal(normal_form) == normal_form


@given(st.lists(st.sampled_from(password.ALPHABET), min_size=16, max_size=16))
def test_no_two_passwords_share_a_normal_form(signs: list[str]) -> None:
    assert password.normal("".join(signs)) == "".join(signs)


def test_what_is_kept_is_a_keyed_hash_found_under_every_key() -> None:
    old, new = Vault([b"o" * 32]), Vault([b"n" * 32, b"o" * 32])
    (before,) = password.digests(old, GOOD)
    assert GOOD not in before
    assert before in password.digests(new, GOOD)
    assert password.digests(new, GOOD)[0] != before, "the newest key's comes first"
    assert before not in password.digests(new, GOOD.replace("7", "8"))
