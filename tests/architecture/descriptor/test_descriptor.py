"""The Connect descriptor declares the required modules and the routes that the app serves."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from app.ingest.planning.events import ACCESS_BLOCKED, IGNORED, LIST_AT, ONE_AT, UNDECLARED, touched_by
from app.web.connect import DESCRIPTOR, descriptor
from app.web.guard import Door
from tests.architecture.test_doors import door_of

if TYPE_CHECKING:
    from flask_openapi3 import OpenAPI

    from app.config import Settings

RAW: dict[str, Any] = json.loads(DESCRIPTOR.read_text(encoding="utf-8"))
MODULES: dict[str, Any] = RAW["modules"]
PAGES = [*MODULES["generalPages"], MODULES["configurePage"], MODULES["postInstallPage"]]
URL_OF = {hook["event"]: hook["url"] for hook in MODULES["webhooks"]}
EVENTS = {  # all of Jira's events; source: Atlassian, "Webhooks"
    *(f"jira:issue_{change}" for change in ("created", "updated", "deleted")),
    *("issue_property_set", "issue_property_deleted"),
    *(f"{thing}_{change}" for thing in ("worklog", "comment") for change in ("created", "updated", "deleted")),
    *("attachment_created", "attachment_deleted", "issuelink_created", "issuelink_deleted"),
    *(f"{thing}_{change}" for thing in ("issuetype", "user", "board") for change in ("created", "updated", "deleted")),
    *(
        f"project_{change}"
        for change in ("created", "updated", "deleted", "soft_deleted", "restored_deleted", "archived")
    ),
    *("project_restored_archived", "board_configuration_changed"),
    *(
        f"jira:version_{change}"
        for change in ("released", "unreleased", "created", "moved", "updated", "deleted", "merged")
    ),
    *(f"filter_{change}" for change in ("created", "updated", "deleted")),
    *(f"option_{option}_changed" for option in ("voting", "watching", "unassigned_issues", "subtasks", "issuelinks")),
    *("option_timetracking_changed", "option_timetracking_provider_changed"),
    *(f"sprint_{change}" for change in ("created", "deleted", "updated", "started", "closed")),
    *("app_access_to_objects_blocked", "app_access_to_objects_in_container_blocked"),
    "jira_expression_evaluation_failed",
}


def test_the_key_is_the_product_s() -> None:
    assert RAW["key"] == "io.harness.sei.jira-connect"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", RAW["key"])


def test_tokens_are_signed_and_bound_as_atlassian_now_demands() -> None:
    assert RAW["authentication"] == {"type": "jwt"}
    assert RAW["apiMigrations"] == {"signed-install": True, "context-qsh": True, "gdpr": True}


def test_scopes_are_reading_and_e_mail_addresses_and_no_more() -> None:
    assert RAW["scopes"] == ["READ", "ACCESS_EMAIL_ADDRESSES"]


def test_all_four_lifecycle_hooks_are_asked_for() -> None:
    assert RAW["lifecycle"] == {
        "installed": "/connect/installed",
        "uninstalled": "/connect/uninstalled",
        "enabled": "/connect/enabled",
        "disabled": "/connect/disabled",
    }


def test_the_page_is_in_the_apps_menu_for_administrators() -> None:
    (page,) = MODULES["generalPages"]
    assert page["name"]["value"] == "Harness SEI configuration"
    assert page["location"] == "system.top.navigation.bar"
    assert page["conditions"] == [{"condition": "user_is_admin"}]


def test_configure_and_get_started_lead_to_the_same_page() -> None:
    assert {page["url"] for page in PAGES} == {"/jira/configuration"}
    assert all(page["conditions"] == [{"condition": "user_is_admin"}] for page in PAGES)


def test_keys_of_modules_are_unique() -> None:
    keys = [page["key"] for page in PAGES]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in keys)


def test_no_other_module_is_declared() -> None:
    assert set(MODULES) == {"generalPages", "configurePage", "postInstallPage", "webhooks"}


@pytest.mark.parametrize("hook", RAW["lifecycle"])
def test_a_lifecycle_hook_is_a_route_behind_the_right_door(app: OpenAPI, hook: str) -> None:
    signed_by_atlassian = {"installed", "uninstalled"}  # Atlassian, "Security for Connect apps"
    door = Door.LIFECYCLE if hook in signed_by_atlassian else Door.SERVER
    assert door_of(app, "POST", RAW["lifecycle"][hook]) is door


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page["key"])
def test_a_page_is_a_route_behind_the_page_door(app: OpenAPI, page: dict[str, Any]) -> None:
    assert door_of(app, "GET", page["url"]) is Door.PAGE


@pytest.mark.parametrize("event", URL_OF)
def test_a_webhook_is_a_route_behind_the_server_door(app: OpenAPI, event: str) -> None:
    assert door_of(app, "POST", URL_OF[event]) is Door.SERVER


def test_the_descriptors_own_address_is_public(app: OpenAPI) -> None:
    assert door_of(app, "GET", RAW["links"]["self"]) is Door.PUBLIC


def test_addresses_have_no_corner_where_hashes_differ() -> None:
    """Query string hashes agree for paths of unreserved characters without placeholders and query."""
    addresses = [*RAW["lifecycle"].values(), *(page["url"] for page in PAGES), *URL_OF.values()]
    assert all(re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", address) for address in addresses)


def test_each_event_is_asked_for_once_and_has_an_address_of_its_own() -> None:
    assert len(MODULES["webhooks"]) == len(URL_OF)
    assert len(set(URL_OF.values())) == len(URL_OF)
    for event, url in URL_OF.items():
        assert url == f"/connect/webhooks/{event.replace(':', '.')}"


def test_all_of_jiras_events_are_known_here() -> None:
    assert len(EVENTS) == 57


def test_every_event_is_asked_for_or_let_pass_with_a_reason() -> None:
    assert set(URL_OF) | set(IGNORED) | set(UNDECLARED) == EVENTS
    assert set(URL_OF) & set(IGNORED) == set()
    assert set(URL_OF) & set(UNDECLARED) == set(), "Jira refuses to install an app that asks for an unknown event"
    assert all(len(reason) > 20 for reason in (*IGNORED.values(), *UNDECLARED.values()))


@pytest.mark.parametrize("event", sorted(EVENTS - set(IGNORED)))
def test_every_event_that_is_handled_makes_something_read_again(event: str) -> None:
    """Issues by the delivered id, other things by id or in their list, all projects after a change of access."""
    entities = touched_by(event)
    assert entities or event in ACCESS_BLOCKED
    for entity in entities:
        assert "issue" in {entity.name, entity.belongs_to} or entity.name in ONE_AT or entity.name in LIST_AT
        assert entity.name not in ONE_AT or entity.one is not None


def test_no_event_that_is_let_pass_is_an_entitys() -> None:
    assert {event for event in IGNORED if touched_by(event)} == set()


def test_webhooks_come_whole() -> None:
    assert all(set(hook) == {"event", "url"} for hook in MODULES["webhooks"]), "a filter would hide changes"


def test_key_and_address_come_from_the_settings_and_the_rest_from_the_file(settings: Settings) -> None:
    document = descriptor(settings.model_copy(update={"app_key": "io.other", "base_url": "https://app.test/base"}))
    assert (document["key"], document["baseUrl"]) == ("io.other", "https://app.test/base")
    assert {name: value for name, value in document.items() if name not in {"key", "baseUrl"}} == {
        name: value for name, value in RAW.items() if name not in {"key", "baseUrl"}
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "evil.test"},
        {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "http"},
        {"Forwarded": "host=evil.test"},
    ],
    ids=repr,
)
def test_nothing_in_it_comes_from_a_request(app: OpenAPI, settings: Settings, headers: dict[str, str]) -> None:
    answer = app.test_client().get("/atlassian-connect.json", headers=headers)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.json == descriptor(settings)
    assert b"evil" not in answer.data
