"""Oddities of real Jira payloads: each becomes a row, with null for a value that can't be kept."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from app.catalog.conversion import to_json
from app.catalog.extract import Row, extract
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.catalog.rich_text import plain_text
from tests.unit.catalog.recorded import SITE, said

if TYPE_CHECKING:
    from app.catalog.json_value import Json

_NESTING_LEVELS = 2_000


def _issue(**fields: Json) -> Row:
    return extract(entity("issue"), {"id": "1", "key": "EE-1", "fields": fields}, SITE)


def _deep_document(levels: int) -> Json:
    node: Json = {"type": "paragraph", "content": [{"type": "text", "text": "bottom"}]}
    for _ in range(levels):
        node = {"type": "blockquote", "content": [node]}
    return {"type": "doc", "version": 1, "content": [node]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ends in NUL\x00", "ends in NUL"),
        ("\u200bzero width first", "\u200bzero width first"),
        ("lone \ud83d surrogate", "lone ? surrogate"),
        ("whole \U0001f600 smile", "whole \U0001f600 smile"),
        ("事务", "事务"),
        ("", None),
    ],
)
def test_text_is_kept_as_far_as_postgresql_can(value: str, text: str | None) -> None:
    assert _issue(summary=value).values["summary"] == text


def test_json_is_cleaned_at_every_level() -> None:
    value = {"a\x00": ["b\x00", float("nan"), float("inf"), 2**70, 10**400, "\ud800"]}
    custom = _issue(customfield_1=value).values["custom"]
    assert json.loads(str(custom)) == {"customfield_1": {"a": ["b", None, None, float(2**70), str(10**400), "?"]}}


def test_json_that_speaks_of_a_nul_keeps_what_is_said() -> None:
    assert json.loads(to_json({"text": "write \\u0000, not \x00"})) == {"text": "write \\u0000, not "}


@pytest.mark.parametrize(
    "value",
    [
        "2020-06-12T08:21:20.929+0800",
        "2020-06-12T08:21:20.929+08:00",
        "2020-06-12T00:21:20.929Z",
        "2020-06-12T00:21:20.929",
        1591921280929,
    ],
)
def test_moments_are_utc_with_milliseconds(value: Json) -> None:
    assert _issue(created=value).values["created"] == datetime(2020, 6, 12, 0, 21, 20, 929000, tzinfo=UTC)


def test_histories_of_the_bulk_endpoint_have_epoch_seconds() -> None:
    """The OpenAPI example of `/changelog/bulkfetch` has seconds; `/issue/{key}/changelog` sends text."""
    row = extract(entity("changelog"), {"id": "1", "created": 1492070429, "items": []}, SITE, "10")
    assert row.values["created"] == datetime(2017, 4, 13, 8, 0, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("points", "number"),
    [("-1", -1.0), (3, 3.0), (0, 0.0), ("0.5", 0.5), ({"value": "8"}, 8.0), (None, None)],
)
def test_story_points_come_in_many_shapes(points: Json, number: float | None) -> None:
    assert _issue(customfield_10024=points).values["story_points"] == number


def test_the_first_story_point_field_that_holds_something_counts() -> None:
    fields = FieldPolicy(story_points=("customfield_1", "customfield_2", "customfield_3"))
    body: Json = {"id": "1", "fields": {"customfield_1": None, "customfield_2": 0, "customfield_3": 5}}
    assert extract(entity("issue"), body, fields).values["story_points"] == 0.0


@pytest.mark.parametrize(
    ("sprint", "sprint_ids"),
    [
        ([{"id": 7, "name": "a,id=9]"}, {"id": 8}], ["7", "8"]),
        (["com.atlassian.greenhopper.service.sprint.Sprint@1f[id=12,rapidViewId=3,name=a,id=9]"], ["12"]),
        (["com.atlassian.greenhopper.service.sprint.Sprint@1f[rapidViewId=3,state=CLOSED,id=12]"], ["12"]),
        (["nothing"], None),
        ([None, 3], None),
        ("a story", None),
        ([None, {"id": "7"}], ["7"]),
        (None, []),
    ],
)
def test_sprints_are_objects_on_cloud_and_strings_on_data_center(sprint: Json, sprint_ids: list[str] | None) -> None:
    assert _issue(customfield_10020=sprint).values["sprint_ids"] == sprint_ids


@pytest.mark.parametrize(
    ("fields", "epic"),
    [
        ({"customfield_10014": "EE-9", "parent": {"key": "EE-8"}}, "EE-9"),
        ({"parent": {"key": "EE-8", "fields": {"issuetype": {"hierarchyLevel": 1}}}}, "EE-8"),
        ({"parent": {"key": "EE-8", "fields": {"issuetype": {"hierarchyLevel": 0}}}}, None),
        ({"parent": {"key": "EE-8", "fields": {"issuetype": {"hierarchyLevel": 2}}}}, None),
        ({"customfield_10014": "", "parent": None}, None),
    ],
)
def test_epic_is_linked_or_the_parent(fields: dict[str, Json], epic: str | None) -> None:
    assert _issue(**fields).values["epic_key"] == epic


def test_site_without_those_fields_has_none_of_them() -> None:
    row = extract(entity("issue"), {"id": "1", "fields": {"customfield_10024": 3, "None": "EE-1"}}, FieldPolicy())
    assert (row.values["story_points"], row.values["sprint_ids"], row.values["epic_key"]) == (None, [], None)


def test_custom_fields_are_those_that_hold_something() -> None:
    fields: dict[str, Json] = {"customfield_1": None, "customfield_2": 0, "customfield_3": [], "summary": "x"}
    assert said(_issue(**fields))["custom"] == {"customfield_2": 0, "customfield_3": []}
    body: Json = {"id": "1", "fields": fields}
    row = extract(entity("issue"), body, FieldPolicy(custom=("customfield_3", "customfield_9", "summary")))
    assert said(row)["custom"] == {"customfield_3": []}


def test_times_may_be_below_timetracking_alone() -> None:
    estimates: Json = {"originalEstimateSeconds": 60, "remainingEstimateSeconds": 30, "timeSpentSeconds": 90}
    values = _issue(timetracking=estimates, timespent=0).values
    assert [values[f"time_{name}_seconds"] for name in ("original", "remaining", "spent")] == [60, 30, 0]


@pytest.mark.parametrize(
    ("fields", "is_archived"), [({"archiveddate": "2024-01-01T00:00:00.000+0000"}, True), ({}, False)]
)
def test_archived_issues_say_so(fields: dict[str, Json], is_archived: bool) -> None:
    assert _issue(**fields).values["archived"] is is_archived


def test_document_nested_deeper_than_python_recurses_keeps_its_words() -> None:
    row = _issue(description=_deep_document(_NESTING_LEVELS))
    assert str(row.values["description_text"]) == "bottom"
    assert row.values["description_length"] == len("bottom")
    assert json.loads(str(row.values["description"]))["type"] == "doc"


def test_document_of_ordinary_depth_is_kept_whole() -> None:
    document = _deep_document(60)
    assert said(_issue(description=document))["description"] == document


def test_words_of_a_document_keep_its_lines() -> None:
    document: Json = {
        "type": "doc",
        "content": [
            {"type": "paragraph", "content": [{"type": "mention", "attrs": {"text": "@Casey"}}, {"type": "hardBreak"}]},
            {"type": "paragraph", "content": [{"type": "emoji", "attrs": {"shortName": ":smile:"}}, None, 3]},
        ],
    }
    assert plain_text(document) == "@Casey\n\n:smile:"


def test_wiki_text_of_data_center_is_its_own_words() -> None:
    values = said(_issue(description="h1. Hello"))
    assert (values["description"], values["description_text"], values["description_length"]) == ("h1. Hello",) * 2 + (
        9,
    )


def test_half_a_day_is_a_day() -> None:
    assert _issue(duedate="2025-03-09").values["due"] == date(2025, 3, 9)
    assert _issue(duedate="2025-03-09T23:59:00.000-0500").values["due"] == date(2025, 3, 9)
