"""Premises of the stories: the whole product running, and sites that can install it."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.sync_api import expect

from sandbox import Site, SiteKey, serve
from tests.story.browser import a_browser
from tests.story.processes import RunningApp, running_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

    from app.embedded import Servers


expect.set_options(timeout=45_000)  # a machine that is busy with other things is slow, not wrong


@pytest.fixture(scope="session")
def key_host(install_key: SiteKey) -> Iterator[str]:
    """Where the install key is published."""
    with serve(Site(dataset="seeded", issues=1, projects=1, key=install_key)) as url:
        yield f"{url}/install-keys"


@pytest.fixture(scope="session")
def story_database_url(servers: Servers) -> str:
    """A database of the stories' own, so that its workers see no other test's tenants."""
    url = str(servers.database_url)
    name = f"story_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/sei_connect?", f"/{name}?")


@pytest.fixture(scope="session")
def app(
    story_database_url: str, redis_url: str, key_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApp]:
    """Web, workers and clock."""
    with running_app(
        database_url=story_database_url,
        redis_url=redis_url.replace("?db=0", "?db=1"),
        install_keys_url=key_host,
        log=tmp_path_factory.mktemp("story") / "app.log",
    ) as started:
        yield started


@pytest.fixture
def a_site(app: RunningApp, install_key: SiteKey) -> Iterator[Callable[..., Site]]:
    """Makes sites that are served until the test ends."""
    stack = []

    def make(**given: object) -> Site:
        site = Site(**{"app_url": app.url, "key": install_key, "dataset": "seeded", **given})  # type: ignore[arg-type]  # the test names real options
        served = serve(site)
        served.__enter__()
        stack.append(served)
        return site

    yield make
    for served in reversed(stack):
        served.__exit__(None, None, None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    yield from a_browser()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser context, and no error or policy violation left unnoticed in it."""
    with watched(browser) as made:
        yield made


@contextlib.contextmanager
def watched(browser: Browser, **given: Any) -> Iterator[Page]:
    """A page in a context of its own; fails at the end if a script erred or the content policy was violated."""
    context = browser.new_context(**given)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if is_a_problem(message) else None)
    yield page
    context.close()
    assert problems == []


def is_a_problem(message: ConsoleMessage) -> bool:
    """Errors of scripts and of the content policy; a refused call is the story's own business."""
    return message.type == "error" and "Failed to load resource" not in message.text
