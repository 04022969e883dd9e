"""A Jira admin opens the Apps menu, chooses the page and pastes the key, in a real browser and frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import FrameLocator

    from sandbox import Site
    from tests.story.processes import RunningApp

REFUSAL = "This key is wrong, was used already, or has expired."


@pytest.fixture
def site(a_site: Callable[..., Site]) -> Site:
    """A site with the app installed."""
    new_site = a_site(issues=60, seed=3)
    new_site.install()
    return new_site


def open_from_apps_menu(page: Page, site: Site, account_id: str) -> FrameLocator:
    page.goto(f"{site.base_url}/?as={account_id}")
    page.get_by_role("button", name="Apps").click()
    page.get_by_role("menuitem", name="Harness SEI configuration").click()
    return frame_of(page)


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def paste(frame: FrameLocator, key: str) -> None:
    frame.get_by_label("One-time key").fill(key)
    frame.get_by_role("button", name="Connect", exact=True).click()


def test_a_pasted_key_connects_the_site_and_shows_the_integrations_name(
    app: RunningApp, site: Site, page: Page
) -> None:
    integration = app.an_integration("Acme Insights <b>&")
    frame = open_from_apps_menu(page, site, site.admin)
    expect(frame.get_by_role("heading", name="Connect this site to Harness SEI")).to_be_visible()
    paste(frame, app.an_otp(integration).lower().replace("-", " "))
    expect(frame.get_by_role("heading", name="Connected to Acme Insights <b>&")).to_be_visible()
    app.wait_until_verified(integration)
    expect(frame.locator("#paired .state", has_text="Healthy")).to_be_visible(timeout=45_000)
    expect(frame.locator("#paired [data-text=count]")).to_have_text("60 of 60 issues read")


def test_a_wrong_key_is_refused_in_plain_words(app: RunningApp, site: Site, page: Page) -> None:
    app.an_otp(app.an_integration())
    frame = open_from_apps_menu(page, site, site.admin)
    paste(frame, "AAAA-BBBB-CCCC-DDDD")
    expect(frame.get_by_role("alert")).to_contain_text(REFUSAL)
    expect(frame.get_by_label("One-time key")).to_be_focused()


def test_a_used_key_is_refused_alike(app: RunningApp, site: Site, page: Page, a_site: Callable[..., Site]) -> None:
    other_site = a_site(issues=1, projects=1)
    other_site.install()
    otp = app.an_otp(app.an_integration())
    assert app.paste(other_site, otp).status_code == 200
    frame = open_from_apps_menu(page, site, site.admin)
    paste(frame, otp)
    expect(frame.get_by_role("alert")).to_contain_text(REFUSAL)


def test_an_expired_key_is_refused_alike(app: RunningApp, site: Site, page: Page) -> None:
    otp = app.an_otp(app.an_integration())
    redis = Redis.from_url(app.env["REDIS_URL"])
    for key in redis.scan_iter("otp:*"):
        redis.pexpire(key, 1)
    redis.close()
    frame = open_from_apps_menu(page, site, site.admin)
    paste(frame, otp)
    expect(frame.get_by_role("alert")).to_contain_text(REFUSAL)


def test_somebody_who_is_no_administrator_is_told_so(site: Site, page: Page) -> None:
    page.goto(f"{site.base_url}/?as={site.non_admin}")
    page.get_by_role("button", name="Apps").click()
    expect(page.get_by_role("menuitem", name="Harness SEI configuration")).to_have_count(0)
    page.goto(f"{site.base_url}/plugins/servlet/ac/io.harness.sei.jira-connect/sei-configuration")
    expect(frame_of(page).get_by_role("alert")).to_contain_text("Only Jira administrators can do this")


def test_a_site_that_is_connected_can_be_disconnected_and_connected_again(
    app: RunningApp, site: Site, page: Page
) -> None:
    integration = app.an_integration("First")
    assert app.paste(site, app.an_otp(integration)).status_code == 200
    frame = open_from_apps_menu(page, site, site.admin)
    expect(frame.get_by_role("heading", name="Connected to First")).to_be_visible()
    frame.get_by_role("button", name="Disconnect…").click()
    frame.get_by_role("button", name="Disconnect", exact=True).click()
    expect(frame.get_by_text("This site is disconnected.")).to_be_visible()
    assert app.api("GET", f"/integrations/{integration}").json()["state"] == "disconnected"
    paste(frame, app.an_otp(integration))
    expect(frame.get_by_role("heading", name="Connected to First")).to_be_visible()


def test_the_token_does_not_stay_in_the_frames_address(site: Site, page: Page) -> None:
    frame = open_from_apps_menu(page, site, site.admin)
    expect(frame.get_by_role("heading", name="Harness SEI configuration")).to_be_visible()
    expect(frame.get_by_label("One-time key")).to_be_visible()
    inner = next(frame for frame in page.frames if frame != page.main_frame)
    assert inner.evaluate("location.search") == ""
    assert inner.evaluate("document.cookie") == ""
