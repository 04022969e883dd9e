"""Page sizes follow the bytes of earlier pages: a small page first, then pages of the right size."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from app.ingest.backfill.page_size import FIRST, PAGE_OCTETS, PageSizer
from app.sources import ISSUE_PAGE

TENANT, PROJECT = uuid4(), "10000"
USUAL, HEAVY = 33_000, 620_000


def size(page_sizer: PageSizer, project: str = PROJECT, *, issue_count: int | None = 1000) -> int:
    return page_sizer.size_for(TENANT, project, issue_count)


def read(page_sizer: PageSizer, octets: int, *, times: int = 1) -> list[int]:
    """Read pages of issues with `octets` each. Returns the page sizes."""
    sizes = []
    for _ in range(times):
        sizes.append(size(page_sizer))
        page_sizer.weigh(TENANT, PROJECT, issues=sizes[-1], octets=sizes[-1] * octets)
    return sizes


def test_usual_issues_come_in_full_pages_after_the_first() -> None:
    assert read(PageSizer(), USUAL, times=4) == [FIRST, ISSUE_PAGE, ISSUE_PAGE, ISSUE_PAGE]


def test_large_issues_come_in_pages_that_are_small_enough() -> None:
    sizes = read(PageSizer(), HEAVY, times=4)
    assert all(page_size * HEAVY <= 1.25 * PAGE_OCTETS for page_size in sizes[1:]), sizes
    assert all(page_size * HEAVY >= PAGE_OCTETS / 2 for page_size in sizes[1:]), sizes


def test_an_issue_that_is_larger_than_a_page_comes_alone() -> None:
    assert read(PageSizer(), 2 * PAGE_OCTETS, times=3) == [FIRST, 1, 1]


def test_a_project_that_grows_heavy_is_noticed_with_the_first_page_and_forgotten_when_it_is_over() -> None:
    page_sizer = PageSizer()
    read(page_sizer, USUAL, times=5)
    first, second, third, *_ = read(page_sizer, HEAVY, times=5)
    assert (first, second < 15, third < 10) == (ISSUE_PAGE, True, True)
    assert read(page_sizer, USUAL, times=12)[-1] == ISSUE_PAGE


def test_one_strange_issue_changes_little() -> None:
    page_sizer = PageSizer()
    read(page_sizer, USUAL, times=5)
    page_sizer.weigh(TENANT, PROJECT, issues=ISSUE_PAGE, octets=ISSUE_PAGE * USUAL + 2_000_000)
    assert size(page_sizer) == ISSUE_PAGE
    page_sizer.weigh(TENANT, PROJECT, issues=0, octets=5000)
    assert size(page_sizer) == ISSUE_PAGE


def test_small_differences_do_not_change_the_size_within_a_walk() -> None:
    page_sizer = PageSizer()
    sizes = [read(page_sizer, octets)[0] for octets in (HEAVY, HEAVY, HEAVY + 60_000, HEAVY - 60_000, HEAVY)]
    assert len(set(sizes[1:])) == 1, sizes


@pytest.mark.parametrize(("issue_count", "page_size"), [(3, 15), (15, 15), (16, FIRST), (None, FIRST)])
def test_a_project_of_a_few_issues_is_asked_for_at_once(issue_count: int | None, page_size: int) -> None:
    assert size(PageSizer(), issue_count=issue_count) == page_size


def test_what_is_known_of_a_project_says_nothing_of_others() -> None:
    page_sizer = PageSizer()
    read(page_sizer, USUAL, times=3)
    assert size(page_sizer, "10001") == FIRST
    assert page_sizer.size_for(uuid4(), PROJECT, None) == FIRST


@pytest.mark.parametrize(("size", "at_once"), [(None, 20), (ISSUE_PAGE, 20), (50, 20), (49, 3), (FIRST, 3)])
def test_pages_of_large_issues_take_turns(size: int | None, at_once: int) -> None:
    page_sizer, inside, peak = PageSizer(), 0, 0
    gate = threading.Barrier(20)

    def read_one(_number: int) -> None:
        nonlocal inside, peak
        gate.wait(5)
        with page_sizer.take_turn(size):
            with lock:
                inside += 1
                peak = max(peak, inside)
            has_enough.wait(0.05)
            with lock:
                inside -= 1

    lock, has_enough = threading.Lock(), threading.Event()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(read_one, range(20)))
    assert peak <= at_once
    assert peak >= min(at_once, 3)
