"""The page of people in a real browser: without scripts, by keyboard, with the largest file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from app.people import MOST_BYTES
from tests.story.pages.tour import sign_in, upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from sandbox import Site
    from tests.story.processes import RunningApp


@pytest.fixture
def key(app: RunningApp, request: pytest.FixtureRequest) -> str:
    return app.an_account(f"account of {request.node.name}")


@pytest.fixture
def people_page(app: RunningApp, browser: Browser, key: str) -> Iterator[Page]:
    """The page of an account, in a browser without scripts."""
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    page.goto(f"{app.url}/console")
    sign_in(page, key)
    page.get_by_role("link", name="People").click()
    yield page
    context.close()


def test_addresses_go_in_and_out_by_file(
    app: RunningApp, people_page: Page, key: str, a_site: Callable[..., Site]
) -> None:
    site = a_site(issues=20, seed=3)
    site.install()
    app.wait_until_verified(app.pair(site, "Acme", key=key), key=key)
    people_page.reload()
    person = app.api("GET", "/people?page_size=1", key=key).json()["records"][0]
    row = people_page.get_by_role("row", name=person["names"][0]).first
    expect(row).to_contain_text(person["account_id"])
    with people_page.expect_download() as download:
        people_page.get_by_role("link", name="Download the list as CSV").click()
    worksheet = download.value.path().read_text(encoding="utf-8-sig")
    line = next(line for line in worksheet.splitlines() if line.startswith(person["account_id"]))
    cells = line.split(",")
    cells[1] = "by-file@acme.example"
    upload(people_page, worksheet.replace(line, ",".join(cells)))
    expect(people_page.get_by_role("row", name="New addresses 1")).to_be_visible()
    assert app.api("GET", "/people?search=by-file", key=key).json()["records"] == []
    people_page.get_by_role("button", name="Store these addresses").click()
    expect(people_page.get_by_role("status").first).to_contain_text("The addresses are stored.")
    expect(row).to_contain_text("by-file@acme.example")
    people_page.get_by_role("button", name="Undo").click()
    expect(people_page.get_by_role("status").first).to_contain_text("The upload is undone.")
    expect(people_page.get_by_text("by-file@acme.example")).to_have_count(0)


def test_an_address_is_given_by_keyboard(app: RunningApp, people_page: Page, key: str) -> None:
    app.api("PUT", "/people/712020:ann", key=key, json={"email": "old@acme.example"})
    people_page.reload()
    people_page.get_by_text("Change 712020:ann").focus()
    for press in ("Enter", "Tab", "Control+A"):
        people_page.keyboard.press(press)
    people_page.keyboard.type("ann@acme.example")
    people_page.keyboard.press("Enter")
    expect(people_page.get_by_role("status").first).to_contain_text("Saved.")
    assert app.api("GET", "/people", key=key).json()["records"][0]["email"] == "ann@acme.example"


def test_the_largest_file_is_taken_and_a_larger_one_explained(app: RunningApp, people_page: Page, key: str) -> None:
    lines = [f"712020:{number:0100},p{number:060}@acme.example" for number in range(9_900)]
    upload(people_page, "\n".join(["account_id,email", *lines]))
    people_page.get_by_role("button", name="Store these addresses").click()
    expect(people_page.get_by_text("9900 people")).to_be_visible()
    assert len(people_page.content()) < 100_000
    upload(people_page, "x" * (MOST_BYTES + 100_000))
    expect(people_page.get_by_text("That is too much at once.")).to_be_visible()
    answer = app.api("POST", "/people/import", key=key, data=b"x" * (MOST_BYTES + 1))
    assert answer.status_code == 413
