"""Sites under test, and an app that verifies everything a site sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Options, Site, SiteKey, serve
from tests.sandbox.app_client import AppClient
from tests.sandbox.fake_app import FakeApp
from tests.sandbox.tokens.token_client import TokenClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def app() -> Iterator[FakeApp]:
    """A running app."""
    with FakeApp() as fake_app:
        yield fake_app


@pytest.fixture
def site(app: FakeApp, install_key: SiteKey) -> Iterator[Site]:
    """A small seeded site with the app installed."""
    small_site = Site(
        dataset="seeded",
        seed=3,
        issues=150,
        projects=4,
        app_url=app.base_url,
        key=install_key,
        options=Options(webhook_retry_delays=(0.05, 0.05)),
    )
    with serve(small_site):
        app.trust(small_site)
        small_site.install()
        yield small_site


@pytest.fixture
def client(site: Site) -> AppClient:
    """The app's client of the small site."""
    return AppClient(site)


@pytest.fixture
def person(site: Site) -> TokenClient:
    """A client of the small site with the token of a person without administrator rights."""
    return TokenClient.of(site, site.non_admin)


@pytest.fixture
def administrator(site: Site) -> TokenClient:
    """A client of the small site with an administrator's token."""
    return TokenClient.of(site, site.admin)


@pytest.fixture(scope="session")
def openapi(recordings: Path) -> Path:
    """The folder of Atlassian's OpenAPI documents."""
    return recordings.parent / "openapi"


@pytest.fixture
def acme(app: FakeApp, install_key: SiteKey, recordings: Path) -> Iterator[AppClient]:
    """The app's client of the recorded site."""
    recorded_site = Site(dataset="recordings", recordings=recordings, app_url=app.base_url, key=install_key)
    with serve(recorded_site):
        app.trust(recorded_site)
        recorded_site.install()
        yield AppClient(recorded_site)
