"""The rows of each case among collected tests. As a plugin for `--collect-only`, it prints a line for each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


def rows_by_case(items: Iterable[pytest.Item]) -> Counter[str]:
    """The number of rows by case. Fails for a skipped row."""
    counts: Counter[str] = Counter()
    for item in items:
        mark = item.get_closest_marker("attack")
        if mark is not None:
            assert not list(item.iter_markers("skip")), item
            assert not list(item.iter_markers("skipif")), item
            counts[str(mark.args[1])] += 1
    return counts


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for case_id in rows_by_case(items).elements():
        print(f"row-of {case_id}")  # noqa: T201 - read by test_zz_cases
