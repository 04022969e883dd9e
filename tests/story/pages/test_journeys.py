"""The whole journey of two people in two browsers: an SEI admin in the console, a Jira admin in the site's frame."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

from tests.story.conftest import watched
from tests.story.pages.tour import PAGE, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, FrameLocator

    from sandbox import Site
    from tests.story.processes import RunningApp

REFUSAL = "This key is wrong, was used already, or has expired."
WAIT = 30_000


class SeiAdmin:
    """An SEI admin in the console; counts clicks and fields."""

    def __init__(self, app: RunningApp, page: Page, key: str) -> None:
        self.app, self.page, self.key = app, page, key
        self.clicks = self.fields = 0

    def click(self, role: str, name: str) -> None:
        self.page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]  # a role's name
        self.clicks += 1

    def fill(self, label: str, words: str) -> None:
        self.page.get_by_label(label).fill(words)
        self.fields += 1

    def comes_in(self) -> None:
        self.page.goto(f"{self.app.url}/console")
        self.fill("SEI API key", self.key)
        self.click("button", "Sign in")

    def begins(self, name: str) -> None:
        """Go from the first page to the wizard."""
        self.click("link", "Connect Jira")
        self.click("link", "Use the Jira Connect App")
        self.fill("Integration name", name)
        self.click("button", "Create and continue")
        expect(self.page.get_by_role("heading", name=f"Connect {name}")).to_be_visible()

    def generates(self) -> str:
        self.page.get_by_role("button", name=re.compile("^Generate (a new )?key$")).click()
        self.clicks += 1
        expect(self.page.get_by_role("timer")).to_contain_text("Good for")
        return self.page.locator("#key").inner_text()

    def sees_the_pairing(self) -> None:
        expect(self.page.get_by_text("Paired with", exact=False).first).to_be_visible(timeout=WAIT)
        expect(self.page.locator("#checks li").nth(4)).to_be_visible(timeout=WAIT)

    @property
    def integration(self) -> str:
        match = re.search(r"/integrations/([0-9a-f-]{36})", self.page.url)
        assert match
        return match[1]


class JiraAdmin:
    """A Jira admin at the app's page in its frame."""

    def __init__(self, site: Site, page: Page) -> None:
        self.site, self.page = site, page
        self.clicks = self.fields = 0

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    def opens(self, by: str | None = None) -> None:
        self.page.goto(f"{self.site.base_url}/?as={by or self.site.admin}")
        self.page.get_by_role("button", name="Apps").click()
        self.page.get_by_role("menuitem", name="Harness SEI configuration").click()
        self.clicks += 2

    def pastes(self, key: str) -> None:
        self.frame.get_by_label("One-time key").fill(key)
        self.frame.get_by_role("button", name="Connect", exact=True).click()
        self.fields += 1
        self.clicks += 1

    def is_connected_to(self, name: str) -> None:
        expect(self.frame.get_by_role("heading", name=f"Connected to {name}")).to_be_visible(timeout=WAIT)

    def is_told(self, words: str) -> None:
        expect(self.frame.get_by_role("alert").filter(has_text=words)).to_be_visible(timeout=WAIT)


@pytest.fixture
def key(app: RunningApp, request: pytest.FixtureRequest) -> str:
    """The API key of an empty account."""
    return app.an_account(f"account of {request.node.name}")


@pytest.fixture
def sei(app: RunningApp, browser: Browser, key: str) -> Iterator[SeiAdmin]:
    with watched(browser, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield SeiAdmin(app, page, key)


@pytest.fixture
def site(a_site: Callable[..., Site]) -> Site:
    new_site = a_site(issues=60, seed=3)
    new_site.install()
    return new_site


@pytest.fixture
def jira(browser: Browser, site: Site) -> Iterator[JiraAdmin]:
    with watched(browser) as page:
        yield JiraAdmin(site, page)


def test_the_happy_path_with_a_reload_at_every_step(app: RunningApp, sei: SeiAdmin, jira: JiraAdmin) -> None:
    sei.comes_in()
    expect(sei.page.get_by_role("heading", name="Nothing is connected yet")).to_be_visible()
    sei.begins("Acme Jira")
    sei.page.reload()
    expect(sei.page.get_by_role("button", name="Generate key")).to_be_visible()
    key = sei.generates()
    sei.click("button", "Copy")
    assert sei.page.evaluate("navigator.clipboard.readText()") == key
    sei.page.reload()
    expect(sei.page.locator("#key")).to_have_text(key)
    jira.opens()
    jira.pastes(key.lower().replace("-", " "))
    jira.is_connected_to("Acme Jira")
    sei.sees_the_pairing()
    assert sei.page.evaluate("Object.keys(sessionStorage)") == []
    sei.page.reload()
    sei.sees_the_pairing()
    app.wait_until_verified(sei.integration, key=sei.key)
    expect(sei.page.locator(".state", has_text="Healthy")).to_be_visible(timeout=WAIT)
    expect(jira.frame.locator("#paired .state", has_text="Healthy")).to_be_visible(timeout=WAIT)
    expect(jira.frame.locator("#paired [data-text=count]")).to_have_text("60 of 60 issues read")
    sei.click("link", "Go to the integration")
    expect(sei.page.get_by_text("60 of 60 issues read")).to_be_visible()
    assert (sei.clicks, sei.fields, jira.clicks, jira.fields) == (7, 2, 3, 1)


def test_an_expired_key_is_refused_and_a_new_one_works(app: RunningApp, sei: SeiAdmin, jira: JiraAdmin) -> None:
    sei.comes_in()
    sei.begins("Late Jira")
    key = sei.generates()
    redis = Redis.from_url(app.env["REDIS_URL"])
    for redis_key in redis.scan_iter("otp*"):
        redis.pexpire(redis_key, 1)
    redis.close()
    jira.opens()
    jira.pastes(key)
    jira.is_told(REFUSAL)
    sei.page.reload()
    expect(sei.page.locator("#key-box")).to_be_hidden()
    jira.pastes(sei.generates())
    jira.is_connected_to("Late Jira")
    sei.sees_the_pairing()


def test_one_wrong_letter_is_refused_and_the_right_key_still_works(sei: SeiAdmin, jira: JiraAdmin) -> None:
    sei.comes_in()
    sei.begins("Typed Jira")
    key = sei.generates()
    jira.opens()
    jira.pastes(key[:-1] + ("B" if key[-1] == "A" else "A"))
    jira.is_told(REFUSAL)
    expect(jira.frame.get_by_label("One-time key")).to_be_focused()
    jira.pastes(key)
    jira.is_connected_to("Typed Jira")


def test_who_administers_nothing_sees_no_entry_and_is_told_so(site: Site, jira: JiraAdmin) -> None:
    jira.page.goto(f"{site.base_url}/?as={site.non_admin}")
    jira.page.get_by_role("button", name="Apps").click()
    expect(jira.page.get_by_role("menuitem", name="Harness SEI configuration")).to_have_count(0)
    jira.page.goto(f"{site.base_url}{PAGE}?as={site.non_admin}")
    jira.is_told("Only Jira administrators can do this.")


def test_a_paired_site_asks_before_another_integration_replaces_the_first(
    app: RunningApp, sei: SeiAdmin, jira: JiraAdmin
) -> None:
    first = app.pair(jira.site, "First", key=sei.key)
    sei.comes_in()
    sei.click("link", "Connect another")
    sei.begins("Second")
    key = sei.generates()
    jira.opens()
    jira.is_connected_to("First")
    jira.frame.get_by_role("button", name="Use another key…").click()
    jira.pastes(key)
    question = jira.frame.get_by_role("group", name="This site is already paired with “First”.")
    expect(question).to_be_visible()
    expect(jira.frame.get_by_role("button", name="Keep it")).to_be_focused()
    jira.frame.get_by_role("button", name="Keep it").click()
    jira.is_connected_to("First")
    jira.frame.get_by_role("button", name="Use another key…").click()
    jira.pastes(key)
    jira.frame.get_by_role("button", name="Replace the connection").click()
    jira.is_connected_to("Second")
    sei.sees_the_pairing()
    assert app.api("GET", f"/integrations/{first}", key=sei.key).json()["state"] == "disconnected"
    sei.page.goto(f"{app.url}/console/integrations/{first}")
    expect(sei.page.get_by_text("A Jira admin paired the site with another integration.")).to_be_visible()


def test_a_jira_admin_disconnects_and_the_sei_admin_is_told(app: RunningApp, sei: SeiAdmin, jira: JiraAdmin) -> None:
    integration = app.pair(jira.site, "Leaving", key=sei.key)
    sei.comes_in()
    sei.page.goto(f"{app.url}/console/integrations/{integration}")
    jira.opens()
    jira.frame.get_by_role("button", name="Disconnect…").click()
    expect(jira.frame.get_by_role("button", name="Keep connected")).to_be_focused()
    jira.frame.get_by_role("button", name="Disconnect", exact=True).click()
    jira.is_told("This site is disconnected.")
    expect(sei.page.get_by_text("A Jira admin disconnected the site.")).to_be_visible(timeout=WAIT)
    sei.click("link", "Continue connecting")
    jira.pastes(sei.generates())
    jira.is_connected_to("Leaving")


def test_a_disabled_site_is_said_by_the_checks_with_its_remedy(app: RunningApp, sei: SeiAdmin, jira: JiraAdmin) -> None:
    integration = app.pair(jira.site, "Disabled", key=sei.key)
    jira.site.disable()
    sei.comes_in()
    sei.page.goto(f"{app.url}/console/integrations/{integration}/connect")
    check = sei.page.locator("#checks li").first
    expect(check).to_contain_text("The app is not active on this site.", timeout=WAIT)
    expect(check).to_contain_text("enable the app under Manage apps")
    jira.page.goto(f"{jira.site.base_url}{PAGE}")
    expect(jira.page.get_by_role("heading", name="There is no such app page")).to_be_visible()
    jira.site.enable()
    sei.click("button", "Validate connection")
    expect(sei.page.locator("#checks li").nth(4)).to_be_visible(timeout=WAIT)
    jira.page.reload()
    jira.is_connected_to("Disabled")


def test_a_session_that_ended_is_said_and_the_key_goes_nowhere(jira: JiraAdmin) -> None:
    jira.opens()
    expect(jira.frame.get_by_label("One-time key")).to_be_visible()
    jira.page.route("**/jira/pairing", lambda route: route.fulfill(status=401, json={"detail": "x"}))
    jira.pastes("7K3M-9QXA-TT0P-4WZB")
    jira.is_told("Your Jira session has ended.")
    expect(jira.frame.get_by_role("button", name="Reload")).to_be_focused()
    jira.page.unroute("**/jira/pairing")
    urls: list[str] = []
    jira.page.on("request", lambda request: urls.append(request.url))
    with jira.page.expect_request("**/jira/configuration*"):
        jira.frame.get_by_role("button", name="Reload").click()
    expect(jira.frame.get_by_label("One-time key")).to_have_value("")
    assert urls
    assert not [url for url in urls if "7K3M" in url]


def test_trouble_is_said_and_goes_away_by_itself(jira: JiraAdmin) -> None:
    jira.opens()
    expect(jira.frame.get_by_label("One-time key")).to_be_visible()
    problem = {"detail": "SEI Connect has trouble of its own.", "remedy": "Try again in a moment."}
    jira.page.route("**/jira/pairing", lambda route: route.fulfill(status=503, json=problem))
    jira.pastes("7K3M-9QXA-TT0P-4WZB")
    jira.is_told("SEI Connect has trouble of its own.")
    expect(jira.frame.get_by_label("One-time key")).to_have_value("7K3M-9QXA-TT0P-4WZB")


def test_the_page_is_quiet_while_nobody_sees_it_and_counts_on_when_somebody_does(
    app: RunningApp, sei: SeiAdmin, jira: JiraAdmin
) -> None:
    jira.site.options.latency_ms = 2000
    app.pair(jira.site, "Quiet", key=sei.key)
    jira.opens()
    jira.is_connected_to("Quiet")
    urls: list[str] = []
    jira.page.on("request", lambda request: urls.append(request.url) if "/jira/pairing/page" in request.url else None)
    jira.page.wait_for_timeout(2200)
    assert urls
    app_frame = next(frame for frame in jira.page.frames if "/jira/configuration" in frame.url)
    app_frame.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    jira.page.wait_for_timeout(2200)  # requests in flight may end
    urls.clear()
    jira.page.wait_for_timeout(2500)
    assert urls == []
    app_frame.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    jira.page.wait_for_timeout(1500)
    assert urls


def test_the_page_in_jira_is_small_and_asks_nobody_but_us(app: RunningApp, sei: SeiAdmin, jira: JiraAdmin) -> None:
    app.pair(jira.site, "Small", key=sei.key)
    responses = []
    jira.page.on(
        "response", lambda response: responses.append(response) if response.frame != jira.page.main_frame else None
    )
    jira.opens()
    jira.is_connected_to("Small")
    jira.page.wait_for_timeout(2500)
    foreign_urls = [response.url for response in responses if not response.url.startswith(app.url)]
    assert foreign_urls == [f"{jira.site.base_url}/atlassian-connect/all.js"]
    sizes = {
        response.url.partition("?")[0]: len(response.body())
        for response in responses
        if response.url.startswith(app.url)
    }
    assert len(sizes) == 5, sizes  # the page, its style, two scripts, its data
    assert sum(sizes.values()) < 50_000, sizes


def test_the_keyboard_alone_completes_the_journey(app: RunningApp, sei: SeiAdmin, jira: JiraAdmin) -> None:
    console, page = sei.page, jira.page
    console.goto(f"{app.url}/console")
    tab_to(console, "SEI API key")
    console.keyboard.type(sei.key)
    console.keyboard.press("Enter")
    for heading, name in (
        ("Nothing is connected yet", "Connect Jira"),
        ("Jira Cloud", "Use the Jira Connect App"),
        ("Name the integration", "Integration name"),
    ):
        expect(console.get_by_role("heading", name=heading)).to_be_visible()
        tab_to(console, name)
        if name != "Integration name":
            console.keyboard.press("Enter")
    console.keyboard.type("By keyboard")
    console.keyboard.press("Enter")
    expect(console.get_by_role("heading", name="Hand over the key")).to_be_visible()
    tab_to(console, "Generate key")
    console.keyboard.press("Enter")
    expect(console.get_by_role("timer")).to_contain_text("Good for")
    page.goto(f"{jira.site.base_url}/?as={jira.site.admin}")
    tab_to(page, "Apps")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(jira.frame.get_by_label("One-time key")).to_be_visible()
    tab_to(page, "One-time key", jira.frame)
    page.keyboard.type(console.locator("#key").inner_text())
    page.keyboard.press("Enter")
    jira.is_connected_to("By keyboard")
    expect(jira.frame.get_by_role("heading", name="Connected to By keyboard")).to_be_focused()
    sei.sees_the_pairing()
    tab_to(page, "Disconnect…", jira.frame)
    page.keyboard.press("Enter")
    expect(jira.frame.get_by_role("button", name="Keep connected")).to_be_focused()
    page.keyboard.press("Enter")
    expect(jira.frame.get_by_role("button", name="Disconnect…")).to_be_focused()


def tab_to(page: Page, name: str, frame: FrameLocator | None = None) -> None:
    """Press Tab until the element with this name has a visible focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        element = (frame or page).locator(":focus")
        if (
            element.count()
            and element.first.evaluate("(it) => it.labels?.[0]?.textContent || it.textContent").strip() == name
        ):
            outline = element.first.evaluate("(it) => getComputedStyle(it).outlineStyle")
            assert outline != "none", f"{name}: the focus cannot be seen"
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_german_readers_read_german(app: RunningApp, browser: Browser, key: str, site: Site) -> None:
    with watched(browser, locale="de-DE") as page:
        page.goto(f"{app.url}/console")
        expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
        page.get_by_label("SEI-API-Schlüssel").fill(key)
        page.get_by_role("button", name="Anmelden").click()
        expect(page.get_by_role("heading", name="Noch nichts ist verbunden")).to_be_visible()
        page.goto(f"{site.base_url}{PAGE}?as={site.admin}")
        frame = page.frame_locator("iframe")
        frame.get_by_label("Einmalschlüssel").fill("AAAA-BBBB-CCCC-DDDD")
        frame.get_by_role("button", name="Verbinden", exact=True).click()
        expect(frame.get_by_role("alert")).to_contain_text(
            "Dieser Schlüssel ist falsch, schon benutzt oder abgelaufen."
        )


def test_the_hosts_design_tokens_colour_the_page(jira: JiraAdmin) -> None:
    jira.opens()
    expect(jira.frame.get_by_label("One-time key")).to_be_visible()
    app_frame = next(frame for frame in jira.page.frames if "/jira/configuration" in frame.url)
    app_frame.evaluate("document.documentElement.style.setProperty('--ds-surface', 'rgb(1, 2, 3)')")
    assert app_frame.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(1, 2, 3)"
    jira.page.get_by_role("button", name="Dark theme").click()
    expect(jira.frame.locator("html")).to_have_attribute("data-color-mode", "dark")


def test_an_integration_is_found_changed_paused_resumed_and_deleted(app: RunningApp, sei: SeiAdmin, site: Site) -> None:
    integration = app.pair(site, "Managed", key=sei.key, tags=["emea"])
    app.an_integration("Other", key=sei.key)
    app.wait_until_verified(integration, key=sei.key)
    page = sei.page
    sei.comes_in()
    page.get_by_label("Name or tag").fill("emea")
    sei.click("button", "Search")
    expect(page.locator("tbody tr")).to_have_count(1)
    sei.click("link", "Managed")
    sei.click("link", "Data")
    issue_key = page.locator("table.stack th a").first.inner_text()
    page.get_by_label("Issue key").fill(issue_key.lower())
    sei.click("button", "Check")
    expect(page.get_by_text(f"{issue_key} is stored, as it was")).to_be_visible()
    expect(page.get_by_role("link", name="Open in Jira")).to_have_attribute(
        "href", f"{site.base_url}/browse/{issue_key}"
    )
    sei.click("link", "Settings")
    page.get_by_label("Integration name", exact=True).fill("Renamed")
    sei.click("button", "Save")
    expect(page.get_by_text("Saved.")).to_be_visible()
    sei.click("button", "Pause")
    expect(page.get_by_text("An SEI admin paused it.")).to_be_visible()
    sei.click("link", "Settings")
    sei.click("button", "Resume")
    expect(page.locator(".title .state")).not_to_have_text("Paused")
    sei.click("link", "Settings")
    page.get_by_label("Type the integration's name to confirm").fill("Managed")
    sei.click("button", "Delete the integration")
    expect(page.get_by_role("heading", name="Renamed")).to_be_visible()
    page.get_by_label("Type the integration's name to confirm").fill("Renamed")
    sei.click("button", "Delete the integration")
    expect(page.get_by_role("heading", name="Integrations")).to_be_visible()
    expect(page.get_by_role("link", name="Other", exact=True)).to_be_visible()


def test_somebody_elses_integration_is_not_there(app: RunningApp, sei: SeiAdmin) -> None:
    other_integration = app.an_integration("Not yours")
    sei.comes_in()
    for tab in ("", "/connect", "/data", "/activity", "/settings", "/shown", "/plots/throughput.svg"):
        answer = sei.page.request.get(f"{app.url}/console/integrations/{other_integration}{tab}")
        assert answer.status == 404, tab
        assert "Not yours" not in answer.text()


def test_signing_in_with_a_wrong_key_says_what_to_check(app: RunningApp, sei: SeiAdmin) -> None:
    sei.page.goto(f"{app.url}/console/sign-in")
    sign_in(sei.page, "sei_wrong")
    expect(sei.page.get_by_role("alert")).to_contain_text("Check that it was copied whole")
