"""Every page in every state, for the checks of accessibility and the screenshots."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from playwright.sync_api import expect

from app.conditions import Code, Condition
from sandbox.oddities import Oddity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Frame, Page, Route

    from sandbox import Site
    from tests.story.processes import RunningApp

PAGE = "/plugins/servlet/ac/io.harness.sei.jira-connect/sei-configuration"
LONG = "Software Engineering Insights of Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrik, all projects"
LONG_EMAIL = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.example"
SLOW_MS = 4000
REFUSAL = Condition(Code.ANSWERED, status=403, endpoint="POST /rest/api/3/search/jql")
BAD_MOMENT = Condition(Code.VALUE_NOT_MOMENT, entity="comment", id="10042", column="created")


@dataclass(frozen=True)
class View:
    """One state on the screen: its name, the browser's page, and the app's part of it."""

    name: str
    page: Page
    app_view: Page | Frame


class Jira:
    """The pages of a Jira admin."""

    def __init__(self, app: RunningApp, page: Page, a_site: Callable[..., Site], key: str) -> None:
        self.app, self.page, self.a_site, self.key = app, page, a_site, key

    def states(self) -> Iterator[View]:
        """Open each state, from the first visit to trouble."""
        site = self.a_site(issues=60, seed=3)
        site.install()
        frame = self.open(site)
        yield self.view("jira-not-paired")
        yield from self._refusals(frame)
        yield from self._paired(site)
        yield from self._trouble(site)

    def open(self, site: Site, by: str | None = None) -> Frame:
        self.page.goto(f"{site.base_url}{PAGE}?as={by or site.admin}")
        return self.frame()

    def frame(self) -> Frame:
        handle = self.page.wait_for_selector("iframe")
        frame = handle.content_frame() if handle else None
        assert frame is not None
        frame.wait_for_selector("h1")
        return frame

    def view(self, name: str) -> View:
        return View(name, self.page, self.frame())

    def paste(self, frame: Frame, key: str) -> None:
        frame.get_by_label("One-time key").fill(key)
        frame.get_by_role("button", name="Connect", exact=True).click()

    def _refusals(self, frame: Frame) -> Iterator[View]:
        self.page.route("**/jira/pairing", _hang)
        self.paste(frame, "7K3M-9QXA-TT0P-4WZB")
        expect(frame.get_by_role("button", name="Connecting…")).to_be_visible()
        yield self.view("jira-pairing")
        self.page.unroute("**/jira/pairing")
        frame = self.reopened()
        self.paste(frame, "AAAA-BBBB-CCCC-DDDD")
        expect(frame.get_by_role("alert")).to_contain_text("This key is wrong")
        yield self.view("jira-key-refused")

    def reopened(self) -> Frame:
        self.page.reload()
        return self.frame()

    def _paired(self, site: Site) -> Iterator[View]:
        site.options.latency_ms = SLOW_MS
        integration = self.app.pair(site, "Acme Jira", key=self.key)
        frame = self.reopened()
        expect(frame.get_by_text("Backfilling", exact=True).first).to_be_visible()
        yield self.view("jira-backfilling")
        site.options.latency_ms = 0  # such a slow site would have no room for a person's request
        self.app.wait_until_verified(integration, key=self.key)
        frame.get_by_role("button", name="Use another key…").click()
        self.paste(frame, self.app.an_otp(self.app.an_integration(LONG, key=self.key), key=self.key))
        expect(frame.get_by_role("button", name="Replace the connection")).to_be_visible(timeout=20_000)
        yield self.view("jira-replace")
        site.mutate("update_issue")
        frame = self.reopened()
        for summary in frame.locator("summary").all():
            summary.click()
        expect(frame.get_by_text("Healthy", exact=True).first).to_be_visible()
        yield self.view("jira-healthy")
        frame = self.reopened()
        frame.get_by_role("button", name="Disconnect…").click()
        yield self.view("jira-disconnect")
        self._note(integration, "needs attention", Condition(Code.JIRA_REFUSES, why=REFUSAL))
        frame = self.reopened()
        expect(frame.get_by_text("Jira refuses the app.").locator("visible=true")).to_be_visible()
        yield self.view("jira-needs-attention")

    def _note(self, integration: str, state: str, reason: Condition) -> None:
        with psycopg.connect(self.app.env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(
                "UPDATE integrations SET state = %s, state_reason = %s WHERE id = %s",
                (state, reason.to_json(), integration),
            )

    def _trouble(self, site: Site) -> Iterator[View]:
        for name, status, selector in (("jira-expired", 401, "#expired"), ("jira-trouble", 503, "#trouble")):
            self.page.route("**/jira/pairing/page", _answer(status))
            frame = self.reopened()
            expect(frame.locator(selector)).to_be_visible(timeout=10_000)
            yield self.view(name)
            self.page.unroute("**/jira/pairing/page")
        site.uninstall()
        site.install()
        frame = self.reopened()
        expect(frame.get_by_text("The app was uninstalled from Jira.").locator("visible=true")).to_be_visible()
        yield self.view("jira-uninstalled")
        self.open(site, by=site.non_admin)
        yield self.view("jira-not-administrator")
        self.page.goto(f"{self.app.url}/jira/configuration")
        yield View("jira-not-from-jira", self.page, self.page)


FAULTS = (
    Oddity("GET /rest/api/3/project/search", edit=lambda body: {**body, "total": 0}),
    Oddity("GET /rest/api/3/mypermissions", 403, {}),
    Oddity("GET /rest/api/3/configuration", edit=lambda body: {**body, "timeTrackingEnabled": False}),
    Oddity("GET /rest/agile/1.0/board", 404, {}),
    Oddity("POST /rest/api/3/search/approximate-count", 403, {}),
)
REJECTION = (
    "The IP address has been rejected because it is not on the allowed list. See your admin for more information."
)
OFF_ALLOW_LIST = Oddity("GET|POST /rest/*", 403, {"errorMessages": [REJECTION], "errors": {}})


class Console:
    """The pages of an SEI admin."""

    def __init__(self, app: RunningApp, page: Page, a_site: Callable[..., Site], key: str) -> None:
        self.app, self.page, self.a_site, self.key = app, page, a_site, key

    def states(self) -> Iterator[View]:
        """Open each state, from signing in to settings."""
        yield from self._signing_in()
        yield from self._token()
        yield from self._connecting()
        yield from self._connected()
        yield from self._people()
        yield from self._lists()

    def at(self, path: str, name: str, **query: str) -> View:
        query_string = "&".join(f"{key}={value}" for key, value in query.items())
        self.page.goto(f"{self.app.url}/console{path}{'?' if query_string else ''}{query_string}")
        return self.view(name)

    def view(self, name: str) -> View:
        self.page.wait_for_load_state()
        return View(name, self.page, self.page)

    def _signing_in(self) -> Iterator[View]:
        yield self.at("/sign-in", "console-sign-in")
        sign_in(self.page, "sei_wrong")
        yield self.view("console-sign-in-refused")
        sign_in(self.page, self.key)
        yield self.view("console-empty")
        for number in range(26):
            self.app.an_integration(f"Site {number}", key=self.key)
        yield self.at("/available", "console-available")
        yield self.at("/available/jira", "console-ways")

    def _token(self) -> Iterator[View]:
        """The form for a token, its failed checks, and the page of a site that a token reads."""
        site = self.a_site(issues=20, seed=6)
        site.options.api_tokens = {"ann@acme.example": "right"}
        yield self.at("/available/jira/api-token", "console-token")
        for token, name in (("wrong", "console-token-refused"), ("right", "console-token-connect")):
            self.page.get_by_label("Integration name").fill("Acme by token")
            self.page.get_by_label("Address of the Jira site").fill(site.base_url)
            self.page.get_by_label("E-mail address of the account").fill("ann@acme.example")
            self.page.get_by_label("API token", exact=True).fill(token)
            self.page.get_by_role("button", name="Check and connect").click()
            yield self.view(name)
        self.page.get_by_role("link", name="Give another token").click()
        yield self.view("console-token-renewal")

    def _connecting(self) -> Iterator[View]:
        yield self.at("/available/jira/connect-app", "console-name")
        self.page.get_by_label("Integration name").fill("Acme Jira")
        self.page.get_by_label("Tags").fill("x" * 70)
        self.page.get_by_role("button", name="Create and continue").click()
        yield self.view("console-name-refused")
        self.page.get_by_label("Tags").fill("platform, emea")
        self.page.get_by_role("button", name="Create and continue").click()
        self.page.get_by_text("Somebody else administers Jira?").click()
        yield self.view("console-connect")
        self.page.get_by_role("button", name="Generate key").click()
        expect(self.page.get_by_role("timer")).to_contain_text("Good for")
        yield self.view("console-connect-key")
        site = self.a_site(issues=60, seed=5)
        site.install()
        key = self.page.locator("#key").inner_text()
        site.options.latency_ms = 1000
        assert self.app.paste(site, key).status_code == 200
        expect(self.page.locator("#checks li").nth(4)).to_be_visible(timeout=30_000)
        site.options.latency_ms = SLOW_MS
        yield self.view("console-connect-paired")
        self.integration = self.page.url.split("/")[-2]
        yield self.at(f"/integrations/{self.integration}", "console-overview-backfilling")
        yield self.at("", "console-list-backfilling")
        site.options.latency_ms = 0
        self.app.wait_until_verified(self.integration, key=self.key)
        self.site = site

    def _connected(self) -> Iterator[View]:
        for _ in range(3):
            self.site.mutate("update_issue")
        base = f"/integrations/{self.integration}"
        yield self.at(base, "console-overview")
        yield self.at(f"{base}/connect", "console-connect-done")
        yield from self._checks()
        yield self.at(f"{base}/data", "console-data")
        issue = self.page.locator("table.stack th a").first.inner_text()
        yield self.at(f"{base}/data", "console-data-stored", key=issue)
        yield self.at(f"{base}/data", "console-data-not-stored", key="NOPE-1")
        yield self.at(f"{base}/data", "console-data-empty-projects", empty="1")
        yield self.at(f"{base}/activity", "console-activity")
        self._trouble_in_the_log()
        yield self.at(f"{base}/activity", "console-activity-errors")
        yield self.at(f"{base}/settings", "console-settings")
        self.page.get_by_label("Story point field").fill("not a field!")
        self.page.get_by_role("button", name="Save").click()
        yield self.view("console-settings-refused")
        yield from self._selection(base)
        yield from self._criteria(base)
        yield self.at("/integrations/nowhere", "console-not-found")

    def _selection(self, base: str) -> Iterator[View]:
        """A query that Jira refuses, one that it takes, and the work of the change."""
        self.page.goto(f"{self.app.url}/console{base}/settings")
        for query, name in (("nosuchfield = 1", "refused"), ("issuetype = Bug", "taken")):
            self.page.get_by_label("JQL", exact=True).fill(query)
            self.page.get_by_role("button", name="Validate JQL").click()
            yield self.view(f"console-settings-query-{name}")
        self.page.get_by_role("button", name="Find projects").click()
        self.page.get_by_role("button", name="Find fields").click()
        yield self.view("console-settings-fields")
        self.page.get_by_role("button", name="Find projects").click()
        yield self.view("console-settings-projects")
        self.page.get_by_role("button", name="Save").click()
        yield self.view("console-change-plan")
        self.page.get_by_role("link", name="Cancel").click()

    def _criteria(self, base: str) -> Iterator[View]:
        """The form of hygiene criteria with a fault, and a criterion that is kept."""
        self.page.goto(f"{self.app.url}/console{base}/settings")
        for number, field in enumerate(("due", "assignee_id"), 1):
            self.page.locator(f"#criterion_{number}_name").fill(f"No {field}")
            self.page.locator(f"#criterion_{number}_field").fill(field)
            if number == 1:
                self.page.locator("#criterion_1_operator").select_option("length_below")
            self.page.get_by_role("button", name="Apply the criteria").click()
            yield self.view(("console-settings-criteria-refused", "console-settings-criteria")[number - 1])
            self.page.locator("#criterion_1_operator").select_option("missing")
        yield self.at(f"{base}/data", "console-data-hygiene", criterion="1")

    def _checks(self) -> Iterator[View]:
        """The checks of the connection: all of them, some with a remedy, and those of a site that is out of reach."""
        expect(self.page.locator("#checks li").nth(4)).to_be_visible(timeout=30_000)
        yield self.view("console-checks")
        self.site.options.oddities = list(FAULTS)
        self._validate("Jira Software offers the account no boards.")
        yield self.view("console-checks-warnings")
        self.site.options.oddities = [OFF_ALLOW_LIST]
        self._validate("are not on its allow-list")
        yield self.view("console-checks-unreachable")
        self.site.options.oddities = []

    def _validate(self, finding: str) -> None:
        self.page.get_by_role("button", name="Validate connection").click()
        expect(self.page.locator("#checks")).to_contain_text(finding, timeout=30_000)

    def _people(self) -> Iterator[View]:
        """The page of people: its list, the check of a good and of a bad file, and the outcome."""
        yield self.at("/people", "console-people", search="nobody+of+this+name")
        self.page.get_by_role("link", name="Show all").click()
        self.page.get_by_text("Change", exact=False).locator("visible=true").nth(1).click()
        yield self.view("console-people-change")
        ids = [text.split("\n")[-1] for text in self.page.locator("table.people tbody th").all_inner_texts()[:3]]
        for name, email, suffix in (
            ("bad", "none", "bad"),
            ("first", "first@acme.example", ""),
            ("next", LONG_EMAIL, ""),
        ):
            lines = [f"{person_id},{email}" for person_id in [*ids, f"712020:{'x' * 100}"]]
            upload(self.page, "\n".join(["account_id,email", *lines, suffix]))
            yield self.view(f"console-people-preview-{name}")
            if name == "bad":
                self.page.get_by_role("link", name="People").click()
            else:
                self.page.get_by_role("button", name="Store these addresses").click()
        yield self.view("console-people-stored")
        self.page.get_by_role("button", name="Undo").first.click()
        yield self.view("console-people-undone")

    def _trouble_in_the_log(self) -> None:
        with psycopg.connect(self.app.env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(
                "UPDATE chunks SET state = 'failed', problem = %s, attempts = 3 WHERE id = ("
                "SELECT chunks.id FROM chunks JOIN integrations USING (tenant_id)"
                " WHERE integrations.id = %s AND entity = 'issue' LIMIT 1)",
                (Condition(Code.REFUSED, why=REFUSAL).to_json(), self.integration),
            )
            connection.execute(
                'INSERT INTO poison (tenant_id, id, entity, "column", reason, digest) SELECT tenant_id, gen_random_uuid(),'
                " 'comment', 'created', %s, repeat('0', 64) FROM integrations WHERE id = %s",
                (BAD_MOMENT.to_json(), self.integration),
            )

    def _lists(self) -> Iterator[View]:
        integration = self.app.an_integration(
            LONG, key=self.key, tags=["emea", "a-tag-that-is-as-long-as-a-tag-may-be"]
        )
        yield self.at(f"/integrations/{integration}", "console-overview-pending")
        yield self.at(f"/integrations/{integration}/data", "console-data-pending")
        yield self.at("", "console-list", page="1")
        yield self.at("", "console-list-found", search="Software")
        yield self.at("", "console-list-nothing", search="nothing-like-this")


def upload(page: Page, text: str) -> None:
    """Have the console check a file of addresses."""
    file = {"name": "people.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("CSV file").set_input_files(file)  # type: ignore[arg-type]  # the payload of a file
    page.get_by_role("button", name="Check the file").click()


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("SEI API key").fill(key)
    page.get_by_role("button", name=re.compile("^Sign in$")).click()


def _hang(_route: Route) -> None:
    """Let a call wait forever."""


def _answer(status: int) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, json={"detail": "", "status": status})
