"""API, console, command line and hooks decide nothing: everything that they make happen is an action."""

from __future__ import annotations

from tests.architecture.source import calls, modules

RULES = frozenset({"enqueue", "enqueue_workers", "hasten", "move_to", "narrowed_to", "park", "unpark"})
"""Calls that change an integration's state or its work."""


def test_nothing_in_web_changes_states_or_enqueues_jobs() -> None:
    faults = {f"{path}: {name}" for path in modules("app/web") for name, _ in calls(path) if name in RULES}
    assert faults == set(), "move this into an action"


def test_the_rules_are_called_in_actions() -> None:
    names = {name for path in modules("app/actions") for name, _ in calls(path)}
    assert names >= {"enqueue", "hasten", "move_to", "narrowed_to", "unpark"}
