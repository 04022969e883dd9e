"""Sealed values open only unaltered, with a known key, for the owner and purpose they were sealed for."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import AppError
from app.vault import SealBroken, Vault

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture(scope="module")
def vault() -> Vault:
    return Vault([NEW])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_what_was_sealed_opens(vault: Vault, secret: str) -> None:
    ciphertext = vault.seal(secret, owner="tenant-1", purpose="shared_secret")
    assert vault.open(ciphertext, owner="tenant-1", purpose="shared_secret") == secret


def test_sealing_twice_gives_two_texts_and_neither_shows_the_secret(vault: Vault) -> None:
    first, second = (vault.seal("hunter2" * 8, owner="t", purpose="p") for _ in range(2))
    assert first != second
    raw = base64.urlsafe_b64decode(first.split(".")[2])
    assert b"hunter2" not in raw


@pytest.mark.parametrize(
    ("owner", "purpose"),
    [("tenant-2", "shared_secret"), ("tenant-1", "api_token"), ("", ""), ("shared_secret", "tenant-1")],
)
def test_another_owner_or_purpose_opens_nothing(vault: Vault, owner: str, purpose: str) -> None:
    ciphertext = vault.seal("secret", owner="tenant-1", purpose="shared_secret")
    with pytest.raises(SealBroken):
        vault.open(ciphertext, owner=owner, purpose=purpose)


def test_every_altered_byte_is_noticed(vault: Vault) -> None:
    version, name, text = vault.seal("secret", owner="t", purpose="p").split(".")
    raw = base64.urlsafe_b64decode(text)
    for at in range(len(raw)):
        octets = bytearray(raw)
        octets[at] ^= 1
        with pytest.raises(SealBroken):
            vault.open(f"{version}.{name}.{base64.urlsafe_b64encode(octets).decode()}", owner="t", purpose="p")
    for length in range(len(raw)):
        with pytest.raises(SealBroken):
            vault.open(f"{version}.{name}.{base64.urlsafe_b64encode(raw[:length]).decode()}", owner="t", purpose="p")


def test_every_key_opens_and_the_first_one_seals() -> None:
    before = Vault([OLD]).seal("secret", owner="t", purpose="p")
    rotation = Vault([NEW, OLD])
    assert rotation.open(before, owner="t", purpose="p") == "secret"
    after = rotation.seal("secret", owner="t", purpose="p")
    assert Vault([NEW]).open(after, owner="t", purpose="p") == "secret"
    assert (rotation.is_stale(before), rotation.is_stale(after)) == (True, False)


def test_a_key_that_was_taken_away_opens_nothing() -> None:
    ciphertext = Vault([OLD]).seal("secret", owner="t", purpose="p")
    with pytest.raises(SealBroken):
        Vault([NEW]).open(ciphertext, owner="t", purpose="p")


@given(
    st.text(max_size=60)
    | st.text(max_size=60).map(lambda text: f"{Vault([NEW]).seal('', owner='', purpose='')[:12]}{text}")
)
def test_what_was_never_sealed_opens_nothing(vault: Vault, text: str) -> None:
    with pytest.raises(SealBroken):
        vault.open(text, owner="t", purpose="p")


def test_a_seal_of_another_format_opens_nothing(vault: Vault) -> None:
    ciphertext = vault.seal("secret", owner="t", purpose="p")
    with pytest.raises(SealBroken):
        vault.open("v2" + ciphertext[2:], owner="t", purpose="p")


def test_fingerprints_find_a_value_by_any_key_newest_first() -> None:
    fingerprints = Vault([NEW, OLD]).fingerprints("value", purpose="otp")
    assert fingerprints == Vault([NEW]).fingerprints("value", purpose="otp") + Vault([OLD]).fingerprints(
        "value", purpose="otp"
    )
    assert all(len(fingerprint) == 64 for fingerprint in fingerprints)


def test_fingerprints_of_other_values_and_purposes_differ(vault: Vault) -> None:
    fingerprints = {
        vault.fingerprints(value, purpose=purpose)[0]
        for value, purpose in [("a", "otp"), ("b", "otp"), ("a", "session"), ("", "otp"), ("", "")]
    }
    assert len(fingerprints) == 5


def test_a_vault_without_a_key_is_none() -> None:
    with pytest.raises(AppError):
        Vault([])


def test_printing_a_vault_shows_no_key() -> None:
    for text in (repr(Vault([OLD, NEW])), str(Vault([OLD, NEW]))):
        assert "ooo" not in text
        assert "nnn" not in text
