"""The short series of hostile requests; the long one is `python -m tests.attacks.hostile 10000`."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests import databases
from tests.attacks.hostile.hail import FLAT, Field, Outcome, check_log, field_of_fire, hail
from tests.attacks.hostile.tokens import Forger

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261124
SHOTS = 2000


@pytest.fixture(scope="module")
def ground(server_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    url = databases.create(server_url, "hostile")
    log = tmp_path_factory.mktemp("hostile") / "app.log"
    with field_of_fire(url, redis_url.replace("?db=0", "?db=5"), log) as new_field:
        yield new_field


@pytest.fixture(scope="module")
def workers(ground: Field) -> set[int]:
    """The process ids before the series."""
    return set(ground.workers())


@pytest.fixture(scope="module")
def outcome(ground: Field, workers: set[int]) -> Outcome:
    figures = hail(ground, SEED, SHOTS)
    print(figures)  # noqa: T201 - the figures and the seed, shown where the test fails
    return figures


def test_nothing_is_accepted(outcome: Outcome) -> None:
    assert outcome.count == SHOTS
    assert outcome.successes == []


def test_nothing_fails_in_us(outcome: Outcome) -> None:
    assert outcome.failures == []


def test_no_answer_tells_how_we_work(outcome: Outcome) -> None:
    assert outcome.leaks == []


def test_most_of_it_was_refused_and_not_cut_off(outcome: Outcome) -> None:
    """Counter-check of the generator: the app answers each kind of shot."""
    assert outcome.statuses["401"] > SHOTS / 3
    assert outcome.statuses["none"] < SHOTS / 20


def test_memory_is_flat(outcome: Outcome) -> None:
    assert outcome.growth <= FLAT


def test_the_log_tells_of_no_accident_and_no_secret(ground: Field, outcome: Outcome) -> None:
    assert check_log(ground) == []


def test_all_processes_live_and_serve(ground: Field, workers: set[int], outcome: Outcome) -> None:
    assert set(ground.workers()) == workers
    assert ground.is_ready()
    good = ground.opens_for_good_tokens(Forger(ground.site, ground.other_site, Random(SEED)))
    assert set(good.values()) <= {200, 204}, good
