"""Lifecycle hooks in every order: the final state equals that of an independent model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from app import clock
from app.tenants import arrive, depart
from app.tenants.keyring import tenant_by_id
from app.tenants.model import Hook
from tests.factories import an_install

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from app.runtime import Runtime

I, E, D, U = Hook.INSTALLED, Hook.ENABLED, Hook.DISABLED, Hook.UNINSTALLED  # noqa: E741 - as long as the table below needs


@dataclass(frozen=True)
class Call:
    """A hook and the time of its signature, in seconds after the start."""

    hook: Hook
    at: int

    def __repr__(self) -> str:
        return f"{self.hook.value[0].upper()}{self.at}"


def model(calls: Iterable[Call]) -> str:
    """The final state after calls in this order of arrival.

    `installed` counts unless a later-signed call was applied. `uninstalled` ends the preceding install: it counts unless
    it was signed before the newest install. The others count on an installed site, unless a later-signed call was
    applied; within one second disabled beats enabled, and enabled beats installed. After an `uninstalled` of the same
    second an `installed` counts: Jira sends no other call before the answer to it.
    """
    state, last_call, install_at = "unknown", Call(I, -1), -1
    strength = [I, E, D, U]
    for call in calls:
        if call.hook is I:
            if state == "disabled" and last_call == Call(D, call.at):
                install_at = call.at
            elif state == "unknown" or call.at >= last_call.at:
                state, last_call, install_at = "active", call, call.at
            continue
        if state in {"unknown", "uninstalled"}:
            continue
        is_late = call.at < last_call.at
        is_weaker = call.at == last_call.at and strength.index(call.hook) < strength.index(last_call.hook)
        if (call.at >= install_at) if call.hook is U else not (is_late or is_weaker):
            state = {E: "active", D: "disabled", U: "uninstalled"}[call.hook]
            last_call = Call(call.hook, max(call.at, last_call.at))
    return state


def play(parts: Runtime, calls: Iterable[Call]) -> str:
    """The final state of the product."""
    start = clock.epoch() - 1000
    install = an_install()
    tenant_id: UUID | None = None
    for number, call in enumerate(calls):
        at = start + call.at
        with parts.store.unrestricted_unsafe() as session:
            if call.hook is I:
                new_install = an_install(
                    client_key=install.client_key,
                    base_url=install.base_url,
                    issued_at=at,
                    shared_secret=f"{number}" * 40,
                )
                tenant_id = arrive.arrive(session, parts.keyring, new_install) or tenant_id
            elif call.hook is U:
                depart.uninstall(session, parts.keyring, install.client_key, issued_at=at)
            elif tenant_id is not None:
                depart.switch(session, tenant_id, call.hook, issued_at=at)
    if tenant_id is None:
        return "unknown"
    with parts.store.unrestricted_unsafe() as session:
        tenant = tenant_by_id(session, tenant_id)
        has_secret = parts.keyring.open_for(session, tenant_id) is not None
    assert tenant is not None
    assert has_secret is (tenant.state.value != "uninstalled"), (
        "a secret is kept exactly as long as the app is installed"
    )
    return tenant.state.value


@pytest.mark.parametrize("hooks", [*itertools.permutations([I, E, D])], ids=lambda hooks: "".join(map(repr, hooks)))
def test_calls_of_one_second_end_alike_in_every_order(parts: Runtime, hooks: tuple[Hook, ...]) -> None:
    assert play(parts, [Call(I, 0), *(Call(hook, 10) for hook in hooks)]) == "disabled"
    assert play(parts, [Call(I, 0), *(Call(hook, 10) for hook in hooks if hook is not D)]) == "active"


def _exhaustive() -> list[tuple[Call, ...]]:
    """Every pair of calls after an install: earlier, slightly later, and later."""
    calls = [Call(hook, at) for hook in Hook for at in (10, 13, 20)]
    return [(Call(I, 12), *pair) for pair in itertools.product(calls, repeat=2)]


def _longer(count: int = 200) -> list[tuple[Call, ...]]:
    """Longer sequences, drawn from a seed."""
    chance = Random(27)
    moments = (0, 1, 4, 5, 6, 11, 20)
    return [
        tuple(Call(chance.choice(list(Hook)), chance.choice(moments)) for _ in range(chance.randrange(3, 8)))
        for _ in range(count)
    ]


SEQUENCES = [*_exhaustive(), *_longer()]


@pytest.mark.parametrize("share", range(4))
def test_every_sequence_ends_as_the_model_says(parts: Runtime, share: int) -> None:
    wrong = [
        (calls, state, model(calls)) for calls in SEQUENCES[share::4] if (state := play(parts, calls)) != model(calls)
    ]
    assert wrong == []


def test_sequences_are_enough_and_reach_every_state() -> None:
    assert len(SEQUENCES) > 300
    assert {model(calls) for calls in SEQUENCES} == {"unknown", "active", "disabled", "uninstalled"}


# Real histories of a site, with a minute between two clicks. Jira awaits `installed`; other calls may overtake each other.
HISTORIES = {
    "installed": ([I, E], "active"),
    "disabled": ([I, E, D], "disabled"),
    "disabled and enabled": ([I, E, D, E], "active"),
    "uninstalled": ([I, E, (D, U)], "uninstalled"),
    "uninstalled while disabled": ([I, D, U], "uninstalled"),
    "installed again": ([I, E, (D, U), I, E], "active"),
    "installed again and disabled": ([I, (D, U), I, E, D], "disabled"),
    "installed and uninstalled twice": ([I, (D, U), I, (D, U)], "uninstalled"),
    "upgraded": ([I, E, I, E], "active"),
    "upgraded while disabled": ([I, D, I], "active"),
}


def _clicks(history: list[Hook | tuple[Hook, ...]]) -> list[list[Call]]:
    return [
        [Call(hook, at * 60) for hook in (click if isinstance(click, tuple) else (click,))]
        for at, click in enumerate(history)
    ]


def _deliveries(clicks: list[list[Call]]) -> list[tuple[Call, ...]]:
    """Every possible order of arrival; late calls come after the next install."""
    calls = [call for click in clicks for call in click]
    installs = [call for call in calls if call.hook is I]
    orders = set()
    for order in itertools.permutations(calls):
        position = {call: at for at, call in enumerate(order)}
        keeps_installs = [call for call in order if call.hook is I] == installs
        # Jira sends no later call before the answer to an install.
        is_possible = all(
            position[install] < position[call] for install in installs for call in calls if call.at > install.at
        )
        if keeps_installs and is_possible:
            orders.add(order)
    return sorted(orders, key=repr)


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_ends_alike_in_whatever_order_it_arrives(parts: Runtime, name: str) -> None:
    history, final_state = HISTORIES[name]
    deliveries = _deliveries(_clicks(history))
    assert deliveries
    Random(name).shuffle(deliveries)
    wrong = [(calls, state) for calls in deliveries[:40] if (state := play(parts, calls)) != final_state]
    assert wrong == []
    assert [calls for calls in deliveries if model(calls) != final_state] == []


@pytest.mark.parametrize("late", [2, 11])
def test_a_late_uninstall_of_the_install_before_ends_nothing(parts: Runtime, late: int) -> None:
    """Uninstalled, installed again and disabled within five seconds; then the `uninstalled` arrives."""
    calls = [
        Call(I, 0),
        Call(E, 1),
        Call(D, late),
        Call(I, late + 1),
        Call(E, late + 1),
        Call(D, late + 4),
        Call(U, late),
    ]
    assert play(parts, calls) == "disabled"


@pytest.mark.parametrize("gap", [0, 1, 9, 60])
def test_an_uninstall_counts_however_much_later_the_disabled_of_its_click_was_signed(parts: Runtime, gap: int) -> None:
    assert play(parts, [Call(I, 0), Call(E, 1), Call(D, 20 + gap), Call(U, 20)]) == "uninstalled"
    assert play(parts, [Call(I, 0), Call(E, 1), Call(U, 20), Call(D, 20 + gap)]) == "uninstalled"
