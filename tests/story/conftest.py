"""Fixtures of the stories: the whole product running, and sites that can install it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from sandbox import Site, SiteKey, serve
from tests import databases
from tests.story.browser import a_browser
from tests.story.processes import RunningApp, running_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page


expect.set_options(timeout=45_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
def key_host(install_key: SiteKey) -> Iterator[str]:
    """The host that publishes the install key."""
    with serve(Site(dataset="seeded", issues=1, projects=1, key=install_key)) as url:
        yield f"{url}/install-keys"


@pytest.fixture(scope="session")
def story_database_url(server_url: str) -> str:
    """A separate database, since the product's workers must see no other test's tenants."""
    return databases.create(server_url, "story")


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
    ) as product:
        yield product


@pytest.fixture
def a_site(app: RunningApp, install_key: SiteKey) -> Iterator[Callable[..., Site]]:
    """Creates sites and serves them until the test ends."""
    stack = []

    def make(**options: object) -> Site:
        site = Site(**{"app_url": app.url, "key": install_key, "dataset": "seeded", **options})  # type: ignore[arg-type]  # the test names real options
        server = serve(site)
        server.__enter__()
        stack.append(server)
        return site

    yield make
    for server in reversed(stack):
        server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    yield from a_browser()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh browser context that reports errors and policy violations."""
    with watched(browser) as new_page:
        yield new_page


@contextlib.contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Page]:
    """Open a page in its own context. Fails at the end after a script error or a policy violation."""
    context = browser.new_context(**options)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if is_a_problem(message) else None)
    yield page
    context.close()
    assert problems == []


def is_a_problem(message: ConsoleMessage) -> bool:
    """Whether the message is an error of a script or of the content policy; refused calls are up to the story."""
    return message.type == "error" and "Failed to load resource" not in message.text
