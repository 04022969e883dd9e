"""Fixtures of the attacks: the app under a base path, a key host, the tables. Prints a count by group after a run.

A test names its case by `@case(32)`, a row of a parametrized test by `row(32, …)`. All cases are in `cases`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests import databases
from tests.attacks.scene import BASE_PATH, SITE_HOSTS, Scene, Tables
from tests.fakes.atlassian import Atlassian
from tests.fakes.key_host import HttpKeyHost
from tests.story.processes import running_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.story.processes import RunningApp

_LABEL = "attack"
_OUTCOMES = ("passed", "failed", "skipped")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "attack(group, case): a case of `tests.attacks.cases`")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Note its case on each report."""
    report = yield
    mark = item.get_closest_marker(_LABEL)
    if mark is not None:
        report.user_properties.append((_LABEL, mark.args))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one line per group, and the number of rows per case."""
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    cases: defaultdict[str, Counter[int | str]] = defaultdict(Counter)
    for name, outcome in (("passed", "passed"), ("failed", "failed"), ("error", "failed"), ("skipped", "skipped")):
        for report in terminalreporter.stats.get(name, []):
            for label, arguments in getattr(report, "user_properties", ()):
                if label == _LABEL:
                    outcomes[arguments[0]][outcome] += 1
                    cases[arguments[0]][arguments[1]] += 1
    for group, counts in sorted(outcomes.items()):
        summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _OUTCOMES)
        terminalreporter.write_line(f"attack cases: {group} {summary}")
        rows = " ".join(f"{case}:{count}" for case, count in sorted(cases[group].items(), key=str))
        terminalreporter.write_line(f"    rows by case: {rows}")


@pytest.fixture(scope="session")
def atlassian() -> Atlassian:
    """Atlassian's signing key for installs."""
    return Atlassian()


@pytest.fixture(scope="session")
def key_host(atlassian: Atlassian) -> Iterator[HttpKeyHost]:
    """The host that publishes Atlassian's key."""
    host = HttpKeyHost()
    host.keys[atlassian.kid] = atlassian.pem
    host.start()
    yield host
    host.over.set()
    host.stop()


@pytest.fixture(scope="session")
def attacks_database_url(server_url: str) -> str:
    """A separate database, since the attacks account for every row."""
    return databases.create(server_url, "attacks")


@pytest.fixture(scope="session")
def attacks_redis_url(redis_url: str) -> str:
    return redis_url.replace("?db=0", "?db=2")


@pytest.fixture(scope="session")
def target(
    attacks_database_url: str, attacks_redis_url: str, key_host: HttpKeyHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApp]:
    """The app under attack: gunicorn below /base, without workers that would change the tables."""
    with running_app(
        database_url=attacks_database_url,
        redis_url=attacks_redis_url,
        install_keys_url=key_host.url,
        log=tmp_path_factory.mktemp("attacks") / "app.log",
        roles=("web",),
        base_path=BASE_PATH,
        site_hosts=SITE_HOSTS,
    ) as app:
        yield app


@pytest.fixture(scope="session")
def tables(attacks_database_url: str, target: RunningApp) -> Iterator[Tables]:
    """The stored rows, read with the owner's rights."""
    with psycopg.connect(attacks_database_url, autocommit=True) as connection:
        yield Tables(connection)


@pytest.fixture(scope="session")
def warm_scene(target: RunningApp, tables: Tables, atlassian: Atlassian, key_host: HttpKeyHost) -> Scene:
    """A scene with Atlassian's key in the app's cache: later look-ups can be counted."""
    scene = Scene(target, tables, atlassian, key_host)
    scene.warm_up()
    return scene


@pytest.fixture
def scene(warm_scene: Scene) -> Iterator[Scene]:
    """The scene; the test fails if the app's log then has a secret or an unexpected error."""
    yield warm_scene
    warm_scene.check_log()
