"""A plugin for `--collect-only`: a line for each row of a case, and a failure for each skipped row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("attack")
        if mark is not None:
            assert not list(item.iter_markers("skip")), item
            assert not list(item.iter_markers("skipif")), item
            print(f"row-of {mark.args[1]}")  # noqa: T201 - read by test_zz_cases
