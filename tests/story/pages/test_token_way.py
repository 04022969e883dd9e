"""The way by API token in the console: an SEI admin alone, from a mistyped token to *verified*."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.story.pages.tour import sign_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from sandbox import Site
    from tests.story.processes import RunningApp

EMAIL, TOKEN = "ann@acme.example", "ATATT3xFfGF0-typed-by-hand"


@pytest.fixture
def site(a_site: Callable[..., Site]) -> Site:
    new_site = a_site(issues=40, seed=3)
    new_site.options.api_tokens = {EMAIL: TOKEN}
    return new_site


@pytest.fixture
def form(app: RunningApp, page: Page, request: pytest.FixtureRequest) -> Page:
    """The form, as an SEI admin comes to it from the first page."""
    page.goto(f"{app.url}/console")
    sign_in(page, app.an_account(f"account of {request.node.name}"))
    page.get_by_role("link", name="Connect Jira", exact=True).click()
    page.get_by_role("link", name="Use an API token").click()
    return page


def fill(form: Page, site: Site, token: str) -> None:
    form.get_by_label("Integration name").fill("By token")
    form.get_by_label("Address of the Jira site").fill(f"{site.base_url}/jira/your-work")
    form.get_by_label("E-mail address of the account").fill(EMAIL)
    form.get_by_label("API token", exact=True).fill(token)
    form.get_by_role("button", name="Check and connect").click()


def test_a_mistyped_token_is_told_and_the_right_one_is_read_with(app: RunningApp, form: Page, site: Site) -> None:
    fill(form, site, "mistyped")
    expect(form.get_by_role("alert")).to_contain_text("Nothing was stored")
    expect(form.get_by_label("Integration name")).to_have_value("By token")
    expect(form.get_by_label("API token", exact=True)).to_have_value("")
    fill(form, site, TOKEN)
    expect(form.get_by_role("heading", name="Connect By token")).to_be_visible()
    expect(form.get_by_text(EMAIL)).to_be_visible()
    expect(form.locator("#checks li").nth(2)).to_be_visible(timeout=30_000)
    expect(form.get_by_text("Healthy", exact=True).first).to_be_visible(timeout=60_000)
    assert TOKEN not in form.content()


def test_another_token_keeps_the_integration(app: RunningApp, form: Page, site: Site) -> None:
    fill(form, site, TOKEN)
    form.get_by_role("link", name="Give another token").click()
    expect(form.get_by_label("Address of the Jira site")).to_have_value(site.base_url)
    address = form.url
    site.options.api_tokens = {EMAIL: "the next one"}
    form.get_by_label("E-mail address of the account").fill(EMAIL)
    form.get_by_label("API token", exact=True).fill("the next one")
    form.get_by_role("button", name="Check and connect").click()
    expect(form.get_by_role("heading", name="Connect By token")).to_be_visible()
    assert form.url == address.removesuffix("token") + "connect"


def test_a_custom_domain_is_told_apart(form: Page, site: Site) -> None:
    form.get_by_label("Integration name").fill("By token")
    form.get_by_label("Address of the Jira site").fill("https://jira.acme.example")
    form.get_by_label("E-mail address of the account").fill(EMAIL)
    form.get_by_label("API token", exact=True).fill(TOKEN)
    form.get_by_role("button", name="Check and connect").click()
    expect(form.get_by_role("alert")).to_contain_text("jira.acme.example is not an address of Jira Cloud")
    expect(form.get_by_label("Address of the Jira site")).to_have_attribute("aria-invalid", "true")


def test_app_token_and_app_again(app: RunningApp, page: Page, site: Site, request: pytest.FixtureRequest) -> None:
    key = app.an_account(f"account of {request.node.name}")
    site.install()
    integration = app.pair(site, "Both ways", key=key)
    page.goto(f"{app.url}/console")
    sign_in(page, key)
    page.goto(f"{app.url}/console/integrations/{integration}/settings")
    page.get_by_role("link", name="Use an API token").click()
    page.get_by_label("Address of the Jira site").fill(site.base_url)
    page.get_by_label("E-mail address of the account").fill(EMAIL)
    page.get_by_label("API token", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Check and connect").click()
    page.get_by_role("link", name="Give another token").click()
    page.get_by_role("button", name="Use the Jira app").click()
    expect(page.get_by_role("heading", name="Hand over the key")).to_be_visible()
    assert app.api("GET", f"/integrations/{integration}", key=key).json()["method"] == "connect_app"
