"""Hygiene by API and console: set, counted, listed, refused, and nobody else's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from app import clock
from app.integrations import ledger
from app.integrations.model import State
from app.store import records
from app.web import create_app
from tests.factories import a_paired_site, a_row, an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.session import Session

CRITERIA = [
    {"name": "No assignee", "field": "assignee_id", "operator": "missing"},
    {"name": "Poor title", "field": "summary", "operator": "length_below", "value": 10},
    {"name": "Odd choice", "field": "customfield_10050", "operator": "not_in_list", "value": ["Red"]},
]


class Desk:
    """An SEI admin of an integration whose site has three open issues, with the admin's API key and browser."""

    def __init__(self, parts: Runtime) -> None:
        self.parts, self.site = parts, an_installed_site(parts)
        account, self.key = an_account(parts)
        self.integration_id = an_integration(parts, account).id
        with parts.store.unrestricted_unsafe() as session:
            ledger.move_to(session, self.integration_id, State.HEALTHY, tenant_id=self.site.tenant_id)
        field = a_row("field", "customfield_10050", name="Colour", schema_type="option")
        issues = (
            a_row("issue", str(number), key=f"A-{number}", summary="x" * number, status_category="new")
            for number in (8, 9, 10)
        )
        with parts.store.bound_to(self.site.tenant_id) as session:
            records.apply(session, [field, *issues], read_at=clock.now())
        self.browser: FlaskClient = create_app(parts).test_client()

    def call(self, method: str, path: str = "", *, key: str = "", **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        address = f"/api/v1/integrations/{self.integration_id}{path}"
        return self.browser.open(address, method=method, headers=headers, **options)

    def set(self, *criteria: dict[str, Any], **settings: Any) -> TestResponse:
        return self.call("PATCH", json={"settings": {"hygiene": criteria, **settings}})

    def sign_in(self) -> None:
        page = self.browser.get("/console/sign-in").get_data(as_text=True)
        self.csrf = token_in(page)
        assert self.browser.post("/console/sign-in", data={"csrf": self.csrf, "key": self.key}).status_code == 303
        self.csrf = token_in(self.page("settings"))

    def page(self, tab: str, **query: str) -> str:
        return self.browser.get(f"/console/integrations/{self.integration_id}/{tab}", query_string=query).get_data(True)

    def send(self, tab: str, **form: str) -> TestResponse:
        return self.browser.post(f"/console/integrations/{self.integration_id}/{tab}", data={"csrf": self.csrf, **form})

    def criteria(self) -> list[dict[str, Any]]:
        return list(self.call("GET").get_json()["settings"]["hygiene"])


def token_in(page: str) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', page)
    assert match is not None
    return match.group(1)


@pytest.fixture
def desk(parts: Runtime) -> Iterator[Desk]:
    parts.redis.flushdb()
    yield Desk(parts)
    parts.redis.flushdb()


def test_criteria_are_counted_and_the_issues_listed(desk: Desk) -> None:
    assert desk.set(*CRITERIA).status_code == 200
    answer = desk.call("GET", "/hygiene")
    assert answer.get_json() == {
        "issues": 3,
        "records": [
            {"value": None, **criterion, "position": position, "misses": count, "skipped": None, "skipped_code": None}
            for position, (criterion, count) in enumerate(zip(CRITERIA, (3, 2, 0), strict=True), 1)
        ],
    }
    page = desk.call("GET", "/hygiene/poor%20TITLE").get_json()
    assert page["records"] == [{"id": "8", "key": "A-8"}, {"id": "9", "key": "A-9"}]
    assert (page["criterion"]["name"], page["next_cursor"]) == ("Poor title", None)
    first = desk.call("GET", "/hygiene/2?limit=1").get_json()
    second = desk.call("GET", f"/hygiene/2?limit=1&cursor={first['next_cursor']}").get_json()
    assert [issue["key"] for issue in first["records"] + second["records"]] == ["A-8", "A-9"]


@pytest.mark.parametrize("name", ["nothing", "0", "4", "-1", "%00", "%F0%9F%98%80", "9" * 100])
def test_an_unknown_criterion_is_not_found(desk: Desk, name: str) -> None:
    desk.set(*CRITERIA)
    answer = desk.call("GET", f"/hygiene/{name}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_criterion")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=%00", f"cursor={'1' * 2001}"])
def test_a_bad_place_is_refused(desk: Desk, query: str) -> None:
    desk.set(*CRITERIA)
    assert desk.call("GET", f"/hygiene/1?{query}").status_code == 400


def test_an_excluded_field_is_skipped_with_its_code(desk: Desk) -> None:
    desk.set(*CRITERIA, excluded_fields=["summary"])
    record = desk.call("GET", "/hygiene").get_json()["records"][1]
    assert (record["misses"], record["skipped_code"]) == (None, "criterion_excluded")
    assert "summary is excluded" in record["skipped"]
    listing = desk.call("GET", "/hygiene/2").get_json()
    assert (listing["records"], listing["criterion"]["skipped_code"]) == ([], "criterion_excluded")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"field": "due", "operator": "length_below", "value": 3}, "length_below does not suit due"),
        ({"name": "<b>x</b>"}, "must be printable"),
        ({"name": "a\x00b"}, "must be printable"),
        ({"field": "updated", "operator": "older_than", "value": int("9" * 400)}, "must be a whole number"),
    ],
)
def test_unfit_criteria_are_refused_and_nothing_is_stored(desk: Desk, change: dict[str, Any], text: str) -> None:
    answer = desk.set({**CRITERIA[0], **change})
    assert answer.status_code == 400
    assert text in answer.get_json()["detail"]
    assert desk.criteria() == []


def test_an_operator_that_does_not_suit_the_sites_field_is_refused(desk: Desk) -> None:
    answer = desk.set({"name": "Old", "field": "customfield_10050", "operator": "older_than", "value": 3})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "criterion_unsuitable")
    assert desk.criteria() == []


def test_an_integration_without_a_site_lists_its_criteria(parts: Runtime, desk: Desk) -> None:
    with parts.store.unrestricted_unsafe() as session:
        ledger.move_to(session, desk.integration_id, State.PENDING, tenant_id=None)
    assert desk.set(*CRITERIA).status_code == 200
    hygiene = desk.call("GET", "/hygiene").get_json()
    assert (hygiene["issues"], [record["misses"] for record in hygiene["records"]]) == (0, [0, 0, 0])
    assert desk.call("GET", "/hygiene/1").get_json()["records"] == []


def test_another_account_sees_neither_criteria_nor_issues(parts: Runtime, desk: Desk) -> None:
    desk.set(*CRITERIA)
    _, strangers_key = an_account(parts)
    for path in ("/hygiene", "/hygiene/1"):
        assert desk.call("GET", path, key=strangers_key).status_code == 404
    a_paired_site(parts)
    assert desk.call("GET", "/hygiene").get_json()["issues"] == 3


# The console


def test_the_issues_of_a_site_that_is_lost_meanwhile_are_not_listed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.set(*CRITERIA)
    get = ledger.get

    def get_and_lose(session: Session, integration_id: UUID, *, lock: bool = False) -> Integration:
        integration = get(session, integration_id, lock=lock)
        with desk.parts.store.unrestricted_unsafe() as own_session:
            ledger.move_to(own_session, integration_id, State.DISCONNECTED, tenant_id=None)
        return integration

    monkeypatch.setattr(ledger, "get", get_and_lose)
    assert desk.call("GET", "/hygiene/1").status_code == 409


def form_of(*rows: tuple[str, str, str, str]) -> dict[str, str]:
    return {
        f"criterion_{number}_{part}": text
        for number, row in enumerate(rows, 1)
        for part, text in zip(("name", "field", "operator", "value"), row, strict=True)
    }


def test_criteria_are_added_changed_and_removed_without_a_script(desk: Desk) -> None:
    desk.sign_in()
    rows = [
        ("No assignee", "assignee", "missing", "left over"),
        ("Old", "updated", "older_than", "30"),
        ("Odd", "labels", "not_in_list", "a, b"),
    ]
    assert desk.send("hygiene", **form_of(*rows)).status_code == 303
    stored = desk.criteria()
    assert [criterion["value"] for criterion in stored] == [None, 30, ["a", "b"]]
    page = desk.page("settings")
    assert 'value="a, b"' in page
    assert 'name="criterion_4_name"' in page, "a row for another one"
    form = {**form_of(*rows), "criterion_1_removed": "1", "criterion_2_value": "60"}
    assert desk.send("hygiene", **form).status_code == 303
    assert [(criterion["name"], criterion["value"]) for criterion in desk.criteria()] == [
        ("Old", 60),
        ("Odd", ["a", "b"]),
    ]


def test_a_faulty_form_is_shown_again_with_the_faults_beside_their_rows(desk: Desk) -> None:
    desk.sign_in()
    rows = [
        ("<script>", "summary", "missing", ""),
        ("Short", "due", "length_below", ""),
        ("Old", "updated", "older_than", "soon"),
        ("What", "nothing", "missing", ""),
    ]
    answer = desk.send("hygiene", **form_of(*rows))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for name in ("criterion_1_name", "criterion_2_operator", "criterion_3_value", "criterion_4_field"):
        assert f'aria-describedby="{name}-hint"' in page.replace(' aria-invalid="true"', ""), name
    assert desk.criteria() == []


def test_a_custom_field_that_does_not_suit_is_refused_on_the_page(desk: Desk) -> None:
    desk.sign_in()
    answer = desk.send("hygiene", **form_of(("Old", "customfield_10050", "older_than", "3")))
    assert answer.status_code == 400
    assert "does not suit the field customfield_10050" in answer.get_data(as_text=True)
    assert desk.criteria() == []


def test_the_other_form_of_the_tab_keeps_the_criteria(desk: Desk) -> None:
    desk.set(*CRITERIA)
    desk.sign_in()
    assert desk.send("settings", name="Acme", description="", tags="").status_code == 303
    assert [criterion["name"] for criterion in desk.criteria()] == [criterion["name"] for criterion in CRITERIA]


def test_the_data_tab_shows_counts_and_issues(desk: Desk) -> None:
    desk.sign_in()
    assert 'id="hygiene"' not in desk.page("data"), "without criteria there is nothing to show"
    desk.set(*CRITERIA, excluded_fields=["summary"])
    page = desk.page("data", criterion="1")
    assert "Of 3 issues that are not done." in page
    assert "The field summary is excluded, so nothing of it is stored." in page
    assert page.count("/browse/A-8") == 2, "once among the newest, once among the misses"
    for position in ("2", "9", "x", "-1"):
        assert desk.page("data", criterion=position).count("/browse/A-8") == 1
