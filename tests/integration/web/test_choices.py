"""Projects and fields of a very large site, to choose from: searched here, a page at a time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from app import clock
from app.integrations import ledger
from app.integrations.model import State
from app.store import records
from app.web import create_app
from tests.factories import a_row, an_account, an_installed_site, an_integration
from tests.statements import logged_statements

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from app.runtime import Runtime

PROJECTS, FIELDS, VALUES = 1500, 4000, 2000
LARGEST_PAGE = 100_000


class Desk:
    """An SEI admin of an account with the site."""

    def __init__(self, parts: Runtime) -> None:
        self.parts, self.site = parts, an_installed_site(parts)
        account, self.key = an_account(parts)
        self.integration_id = an_integration(parts, account).id
        with parts.store.unrestricted_unsafe() as session:
            ledger.move_to(session, self.integration_id, State.HEALTHY, tenant_id=self.site.tenant_id)
        values = {f"customfield_{10_000 + number}": f"value {number}" for number in range(VALUES)}
        rows = [
            *(
                a_row("project", str(number), key=f"P{number}", name=f"Project {number}", is_archived=number == 7)
                for number in range(PROJECTS)
            ),
            *(
                a_row(
                    "field",
                    f"customfield_{10_000 + number}",
                    name=f"Field {number:04}",
                    is_custom=True,
                    schema_custom="com.example:text-100%",
                )
                for number in range(FIELDS)
            ),
            a_row("issue", "1", key="P7-1", project_id="7", custom=json.dumps(values)),
        ]
        with parts.store.bound_to(self.site.tenant_id) as session:
            records.apply(session, rows, read_at=clock.now())
        self.browser: FlaskClient = create_app(parts).test_client()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.browser.get(
            f"/api/v1/integrations/{self.integration_id}/site/{path}",
            query_string=query,
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert len(answer.get_data()) < LARGEST_PAGE
        shape: dict[str, Any] = answer.get_json()
        return shape

    def sign_in(self) -> None:
        self.csrf = _token_in(self.browser.get("/console/sign-in").get_data(as_text=True))
        assert self.browser.post("/console/sign-in", data={"csrf": self.csrf, "key": self.key}).status_code == 303
        self.csrf = _token_in(self.browser.get(f"/console/integrations/{self.integration_id}/settings").get_data(True))

    def ask(self, check: str, **form: Any) -> str:
        data = {"csrf": self.csrf, "name": "Acme", "check": check, **form}
        answer = self.browser.post(f"/console/integrations/{self.integration_id}/settings", data=data)
        assert answer.status_code == 200
        assert len(answer.get_data()) < LARGEST_PAGE
        return answer.get_data(as_text=True)


def _token_in(page: str) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', page)
    assert match is not None
    return match.group(1)


@pytest.fixture(scope="module")
def desk(parts: Runtime) -> Desk:
    return Desk(parts)


def test_projects_are_found_by_key_name_and_id(desk: Desk) -> None:
    first_page = desk.get("projects")
    assert (len(first_page["records"]), first_page["_metadata"]["total_count"]) == (50, PROJECTS)
    (seventh,) = [record for record in desk.get("projects", search="project 7")["records"] if record["id"] == "7"]
    assert seventh == {
        "id": "7",
        "key": "P7",
        "name": "Project 7",
        "is_archived": True,
        "issues": 1,
        "is_chosen": False,
    }
    assert desk.get("projects", search="%")["records"] == [], "no wildcard"
    last_page = desk.get("projects", page=PROJECTS // 50)
    assert (len(last_page["records"]), last_page["_metadata"]["has_next"]) == (50, False)


def test_fields_are_shown_with_type_holders_and_examples(desk: Desk) -> None:
    (field,) = desk.get("fields", search="field 0042")["records"]
    assert field == {
        "id": "customfield_10042",
        "name": "Field 0042",
        "type": "text-100%",
        "is_custom": True,
        "is_excluded": False,
        "kind": None,
        "holders": 1,
        "examples": ["value 42"],
    }
    (empty_field,) = desk.get("fields", search="customfield_13999")["records"]
    assert (empty_field["holders"], empty_field["examples"]) == (0, [])


@pytest.mark.parametrize(("path", "most"), [("projects", 12), ("fields", 13)])
def test_a_page_takes_as_many_statements_on_any_site(desk: Desk, path: str, most: int) -> None:
    with logged_statements() as log:
        desk.get(path, page_size=200)
    assert len(log) <= most, log


def test_choices_are_ticked_in_the_form(desk: Desk) -> None:
    desk.sign_in()
    page = desk.ask("projects", find_projects="P14", projects="P1")
    assert page.count('name="add_project"') == 20
    assert 'value="P1"' in page, "what was typed stays"
    page = desk.ask("fields", find_fields="Field 00", add_project=["14", "140"])
    assert page.count('name="add_field"') == 20
    assert 'value="14, 140"' in page, "what was ticked is kept"
    assert "value 1" in page


def test_others_see_nothing(desk: Desk, parts: Runtime) -> None:
    _, strangers_key = an_account(parts)
    for path in ("projects", "fields"):
        answer = desk.browser.get(
            f"/api/v1/integrations/{desk.integration_id}/site/{path}",
            headers={"Authorization": f"Bearer {strangers_key}"},
        )
        assert answer.status_code == 404


def test_without_a_site_there_is_nothing_to_choose(parts: Runtime) -> None:
    account, key = an_account(parts)
    integration = an_integration(parts, account)
    client = create_app(parts).test_client()
    for path in ("projects", "fields"):
        answer = client.get(
            f"/api/v1/integrations/{integration.id}/site/{path}", headers={"Authorization": f"Bearer {key}"}
        )
        assert (answer.status_code, answer.get_json()["records"]) == (200, [])
