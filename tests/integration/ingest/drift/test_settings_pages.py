"""Settings in the console and the API on a real site: validated, shown as work, then changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from app.integrations import accounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.integration.ingest.conftest import Town

BUGS = "issuetype = Bug"


class Desk:
    """An SEI admin of a town's account, in the console and at the API."""

    def __init__(self, town: Town, app: Flask) -> None:
        self.town = town
        with town.parts.store.unrestricted_unsafe() as session:
            self.key = accounts.add_key(session, accounts.name_of(town.parts.store, town.integration().account_id))
        self.browser: FlaskClient = app.test_client()
        self.csrf = _token_in(self.browser.get("/console/sign-in").get_data(as_text=True))
        answer = self.browser.post("/console/sign-in", data={"csrf": self.csrf, "key": self.key})
        assert answer.status_code == 303
        self.csrf = _token_in(self.page())

    def page(self) -> str:
        return self.browser.get(f"/console/integrations/{self.town.integration_id}/settings").get_data(as_text=True)

    def send(self, **form: str | list[str]) -> TestResponse:
        data = {"csrf": self.csrf, "name": "Acme", **form}
        return self.browser.post(f"/console/integrations/{self.town.integration_id}/settings", data=data)

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.browser.post(
            f"/api/v1/integrations/{self.town.integration_id}/settings/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == 200, answer.get_data(as_text=True)
        shape: dict[str, Any] = answer.get_json()
        return shape


def _token_in(page: str) -> str:
    match = re.search(r'name="csrf" value="([^"]+)"', page)
    assert match is not None
    return match.group(1)


@pytest.fixture
def desk(a_town: Callable[..., Town], town_app: Flask) -> Desk:
    return Desk(a_town(), town_app)


def test_a_change_is_shown_before_it_is_made(desk: Desk) -> None:
    answer = desk.send(projects="10000", jql=BUGS, backfill_from="2025-01-01", time_zone="Europe/Berlin")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Nothing is stored yet." in page
    assert desk.town.integration().settings.get("projects", []) == []
    form = dict(re.findall(r'type="hidden" name="([a-z_]+)" value="([^"]*)"', page))
    assert (form["projects"], form["jql"]) == ("10000", BUGS)
    plan = desk.call("preview", {"projects": ["10000"], "jql": BUGS, "backfill_from": "2025-01-01"})
    assert f'<td class="number">{plan["leave"]}</td>' in page
    assert desk.send(**{**form, "csrf": desk.csrf}, confirmed="1").status_code == 303
    settings = desk.town.integration().settings
    assert (settings["projects"], settings["jql"], settings["time_zone"]) == (["10000"], BUGS, "Europe/Berlin")
    assert 'value="2025-01-01"' in desk.page()


@pytest.mark.parametrize(
    ("ticks", "setting", "ids"),
    [
        ("add_project", "projects", ["10000", "10001"]),
        ("add_field", "custom_fields", ["customfield_10016", "customfield_10020"]),
    ],
)
def test_each_tick_is_carried_over_the_page_of_the_plan(desk: Desk, ticks: str, setting: str, ids: list[str]) -> None:
    page = desk.send(jql=BUGS, **{ticks: ids}).get_data(as_text=True)
    assert "Nothing is stored yet." in page
    sent = re.findall(rf'type="hidden" name="{ticks}" value="([^"]*)"', page)
    assert desk.send(jql=BUGS, **{ticks: sent}, confirmed="1").status_code == 303
    assert desk.town.integration().settings[setting] == ids


def test_ticks_stay_beside_a_faulty_value(desk: Desk) -> None:
    answer = desk.send(
        time_zone="Mars/Olympus", add_project=["10000", "10001"], add_field=["customfield_10016", "customfield_10020"]
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert 'value="10000, 10001"' in page
    assert 'value="customfield_10016, customfield_10020"' in page


def test_projects_are_ticked_by_the_form_not_by_the_stored_settings(desk: Desk) -> None:
    assert desk.send(projects="10000, 10001", confirmed="1").status_code == 303
    page = desk.send(projects="10000", check="projects").get_data(as_text=True)
    boxes = dict(re.findall(r'name="add_project" value="([^"]+)"([^>]*)>', page))
    assert boxes == {"10000": " checked disabled", "10001": ""}
    (key,) = re.findall(r'value="10000" checked disabled> (\w+) ', page)
    page = desk.send(projects=key, check="projects").get_data(as_text=True)
    assert dict(re.findall(r'name="add_project" value="([^"]+)"([^>]*)>', page)) == boxes, "by key as by id"


def test_a_change_without_work_is_made_at_once(desk: Desk) -> None:
    assert desk.send(time_zone="Asia/Kolkata").status_code == 303
    assert desk.town.integration().settings["time_zone"] == "Asia/Kolkata"


def test_a_query_is_validated_in_the_form(desk: Desk) -> None:
    page = desk.send(jql=BUGS, check="jql").get_data(as_text=True)
    assert "Jira takes the JQL." in page
    page = desk.send(jql="nosuchfield = 1", check="jql").get_data(as_text=True)
    assert "nosuchfield" in page
    assert "Jira does not take the JQL." in page
    answer = desk.send(jql="status = Done) OR (project = X")
    assert answer.status_code == 400
    assert "a bracket or a quotation mark has no partner" in answer.get_data(as_text=True)
    assert desk.call("jql", {"jql": BUGS})["ok"] is True
    assert desk.call("jql", {"jql": "ORDER BY created"}) | {"sample": []} == {
        "ok": True,
        "matches": 40,
        "left_out": 0,
        "sample": [],
        "problem": None,
        "problem_code": None,
    }
    assert desk.call("jql", {"jql": "nosuchfield = 1"})["problem_code"] == "jql_refused"


def test_a_site_that_is_away_counts_nothing_and_takes_the_change(desk: Desk) -> None:
    desk.town.site.restart(down_s=30)
    answer = desk.send(jql=BUGS)
    assert "Jira cannot be asked how much work this change makes." in answer.get_data(as_text=True)
    assert desk.send(jql=BUGS, confirmed="1").status_code == 303
    assert desk.town.integration().settings["jql"] == BUGS


@pytest.mark.parametrize(
    ("field", "value"),
    [("projects", "A B, <b>"), ("backfill_from", "soon"), ("time_zone", "Mars/Olympus"), ("jql", 'summary ~ "x')],
)
def test_a_faulty_value_is_told_beside_its_field(desk: Desk, field: str, value: str) -> None:
    answer = desk.send(**{field: value})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert "<b>" not in page
    assert 'aria-invalid="true"' in page
