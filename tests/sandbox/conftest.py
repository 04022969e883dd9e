"""Sites to test, and a tiny app that verifies whatever a site sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Options, Site, SiteKey, serve
from tests.sandbox.app_client import AppClient
from tests.sandbox.fake_app import FakeApp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def app() -> Iterator[FakeApp]:
    """An app that is running."""
    with FakeApp() as running:
        yield running


@pytest.fixture
def site(app: FakeApp, install_key: SiteKey) -> Iterator[Site]:
    """A small seeded site, served, with the app installed."""
    made = Site(
        dataset="seeded",
        seed=3,
        issues=150,
        projects=4,
        app_url=app.base_url,
        key=install_key,
        options=Options(webhook_retry_delays=(0.05, 0.05)),
    )
    with serve(made):
        app.trust(made)
        made.install()
        yield made


@pytest.fixture
def client(site: Site) -> AppClient:
    """The app's client of the small site."""
    return AppClient(site)


@pytest.fixture
def acme(app: FakeApp, install_key: SiteKey, recordings: Path) -> Iterator[AppClient]:
    """The app's client of the recorded site."""
    made = Site(dataset="recordings", recordings=recordings, app_url=app.base_url, key=install_key)
    with serve(made):
        app.trust(made)
        made.install()
        yield AppClient(made)
