"""Extraction of one object: its row, the rows inside it and its top-ups, or a PoisonRecord and no other failure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalog.extract import Page, Row, extract
from app.catalog.field_policy import FieldPolicy
from app.catalog.json_value import account_of
from app.catalog.registry import all_entities, entity
from app.conditions import Code, Condition
from app.errors import PoisonRecord
from tests.unit.catalog.recorded import SITE, extracted_parts, rows_of, top_ups_of

if TYPE_CHECKING:
    from app.catalog.json_value import Json

_NESTING_LEVELS = 2_000


def test_excluded_fields_are_left_empty() -> None:
    author: Json = {"accountId": "a"}
    body: Json = {
        "id": "1",
        "fields": {
            "summary": "secret",
            "description": "secret",
            "comment": {"comments": [{"id": "2", "author": author}], "total": 9},
        },
        "changelog": {
            "total": 1,
            "histories": [
                {
                    "id": "3",
                    "items": [
                        {"field": "summary", "fieldId": "summary", "fromString": "secret", "toString": "secret too"},
                        {"field": "Comment", "from": "secret", "to": None},
                        {"field": "status", "fieldId": "status", "fromString": "Open", "toString": "Done"},
                    ],
                }
            ],
        },
    }
    parts = extracted_parts("issue", body, Page(FieldPolicy(excluded=("summary", "description", "comment"))))
    row = rows_of("issue", parts)["1"]
    for name in ("summary", "description", "description_text", "description_length", "comment_total"):
        assert row.values[name] is None
    assert rows_of("comment", parts) == {}
    assert top_ups_of("comment", parts) == []
    assert "secret" not in repr([part.values for part in parts if isinstance(part, Row)])
    items = str(rows_of("changelog", parts)["3"].values["items"])
    assert "Done" in items, "only the values of excluded fields are left out"


@pytest.mark.parametrize(
    ("user", "account_id"),
    [
        ({"accountId": "a", "key": "b", "name": "c"}, "a"),
        ({"accountId": "", "key": "b"}, "b"),
        ({"name": "c"}, "c"),
        ({"accountId": "", "key": "", "name": "", "self": "https://x/user?accountId=a"}, None),
        ({"accountId": " "}, None),
        ({"accountId": None}, None),
        ({"accountId": {"a": 1}}, None),
        ("a", None),
        (None, None),
    ],
)
def test_users_are_known_by_account_key_or_name(user: Json, account_id: str | None) -> None:
    assert account_of(user) == account_id


def test_blank_account_is_no_user_and_no_poison() -> None:
    history: Json = {"id": "57278", "author": {"accountId": "", "emailAddress": ""}, "created": 1, "items": []}
    parts = extracted_parts("changelog", history, Page(SITE), "13383")
    assert rows_of("user", parts) == {}
    assert rows_of("changelog", parts)["57278"].values["author_id"] is None
    with pytest.raises(PoisonRecord) as failure:
        extract(entity("user"), {"accountId": ""}, SITE)
    assert failure.value.condition == Condition(Code.NO_ID, entity="user")


@pytest.mark.parametrize(
    "body", [None, [], "x", 3, {}, {"id": None}, {"id": ""}, {"id": {}}, {"id": True}, {"id": "\x00"}]
)
def test_what_has_no_id_is_poison(body: Json) -> None:
    for declaration in all_entities().values():
        with pytest.raises(PoisonRecord):
            extract(declaration, body, SITE, "1")


def test_faults_name_the_column_and_not_the_value() -> None:
    row = extract(entity("issue"), {"id": "1", "fields": {"created": "secret"}}, SITE)
    assert [fault.column for fault in row.faults] == ["created"]
    assert "secret" not in repr(row.faults)


def test_children_that_are_no_objects_are_faults_of_their_parent() -> None:
    comments: Json = [{"id": "2", "created": "?"}, {"id": "3"}, {"id": []}, "text", None, "text"]
    body: Json = {"id": "1", "fields": {"comment": {"total": 6, "comments": comments}}}
    parts = extracted_parts("issue", body, Page(SITE))
    rows = rows_of("comment", parts)
    assert (set(rows), [fault.column for fault in rows["2"].faults]) == ({"2", "3"}, ["created"])
    faults = rows_of("issue", parts)["1"].faults
    codes = [Code.NO_ID, *[Code.NOT_AN_OBJECT] * 3]
    assert [(fault.entity, fault.column, fault.reason.code) for fault in faults] == [
        ("comment", None, code) for code in codes
    ]
    assert top_ups_of("comment", parts) == []


@pytest.mark.parametrize("comment", ["text", 3, ["text"], {"comments": "text"}, {"comments": {}}])
def test_a_list_of_another_shape_is_a_fault_and_never_an_empty_list(comment: Json) -> None:
    parts = extracted_parts("issue", {"id": "1", "fields": {"comment": comment}}, Page(SITE))
    assert [fault.entity for fault in rows_of("issue", parts)["1"].faults if fault.column is None] == ["comment"]


@pytest.mark.parametrize("fields", [None, [], "text", 3])
def test_an_issue_without_its_fields_is_poison(fields: Json) -> None:
    """A row of it would replace every stored value by null."""
    with pytest.raises(PoisonRecord) as failure:
        extract(entity("issue"), {"id": "1", "fields": fields}, SITE)
    assert failure.value.condition.code is Code.NOT_AN_OBJECT


def test_repeats_within_an_object_are_left_out() -> None:
    casey: Json = {"accountId": "a", "displayName": "Casey"}
    link: Json = {"field": "RemoteIssueLink", "to": "1"}
    histories: Json = [{"id": str(number), "author": casey, "items": [link]} for number in range(3)]
    body: Json = {"id": "1", "fields": {"creator": casey}, "changelog": {"total": 3, "histories": histories}}
    parts = extracted_parts("issue", body, Page(SITE))
    assert len([part for part in parts if part.entity.name == "user"]) == 1
    assert top_ups_of("remote_link", parts) == ["1"]


def test_fuller_sighting_of_a_user_is_not_a_repeat() -> None:
    body: Json = {"id": "1", "fields": {"assignee": {"accountId": "a"}, "creator": {"accountId": "a", "active": True}}}
    assert len([part for part in extracted_parts("issue", body, Page(SITE)) if part.entity.name == "user"]) == 2


def test_history_of_nobody_knows_which_issue_asks_for_no_links() -> None:
    history: Json = {"id": "1", "items": [{"field": "RemoteIssueLink"}]}
    assert top_ups_of("remote_link", extracted_parts("changelog", history, Page(SITE))) == []


def test_full_list_needs_no_top_up() -> None:
    body: Json = {"id": "1", "fields": {"worklog": {"total": 1, "worklogs": [{"id": "5", "issueId": "1"}]}}}
    parts = extracted_parts("issue", body, Page(SITE))
    assert top_ups_of("worklog", parts) == []
    assert rows_of("worklog", parts)["5"].values["issue_id"] == "1"


@pytest.mark.parametrize(
    ("body", "parent_id"),
    [
        ({"id": 1, "outwardIssue": {"id": "20"}}, "10"),
        ({"id": 1, "inwardIssue": {"id": "10"}}, "20"),
        ({"id": 1, "inwardIssue": {"id": "10"}, "outwardIssue": {"id": "20"}}, None),
        ({"id": 1, "sourceIssueId": 10, "destinationIssueId": 20}, None),
    ],
)
def test_links_read_the_same_from_everywhere(body: Json, parent_id: str | None) -> None:
    values = extract(entity("issue_link"), body, SITE, parent_id).values
    assert (values["source_issue_id"], values["destination_issue_id"], values["issue_id"]) == ("10", "20", "10")


_WORDS = sorted(
    {word for entity in all_entities().values() for word in entity.example.body} | {"fields", "id", "issuelinks"}
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
_BODIES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_anything_at_all_is_a_row_or_poison(data: st.DataObject) -> None:
    """Every entity, with one value of its example replaced by anything."""
    entity = data.draw(st.sampled_from(list(all_entities().values())))
    body: Json = json.loads(json.dumps(entity.example.body))
    spot: Json = body
    while isinstance(spot, dict) and spot:
        name = data.draw(st.sampled_from(sorted(spot)))
        below = spot[name]
        if not isinstance(below, dict) or not below or data.draw(st.booleans()):
            spot[name] = data.draw(_BODIES)
            break
        spot = below
    try:
        rows = [part for part in extracted_parts(entity.name, body, Page(SITE), "1") if isinstance(part, Row)]
    except PoisonRecord:
        return
    for row in rows:
        assert row.id
        assert "\x00" not in json.dumps({"id": row.id, **row.values}, default=str)


def policy_without(*field_ids: str) -> FieldPolicy:
    return FieldPolicy(
        excluded=field_ids,
        excluded_names=frozenset({"zusammenfassung", "secret", "geheimnis"}),
        other_ids=frozenset({"status", "customfield_2"}),
        other_names=frozenset({"status", "effort"}),
    )


@pytest.mark.parametrize(
    ("item", "is_kept"),
    [
        ({"field": "summary", "fieldId": "summary"}, False),
        ({"field": "Summary"}, False),
        ({"field": "Zusammenfassung", "fieldId": "Zusammenfassung"}, False),
        ({"field": "Renamed", "fieldId": "customfield_1", "fieldtype": "custom"}, False),
        ({"field": "Geheimnis", "fieldtype": "custom"}, False),
        ({"field": "Its former name", "fieldtype": "custom"}, False),
        ({"field": "Its former name", "fieldtype": "custom", "fieldId": "Its former name"}, False),
        ({"field": "Secret", "fieldId": "customfield_2", "fieldtype": "custom"}, True),
        ({"field": "Effort", "fieldtype": "custom"}, True),
        ({"field": "Gone", "fieldId": "customfield_3", "fieldtype": "custom"}, True),
        ({"field": "status", "fieldId": "status", "fieldtype": "jira"}, True),
        ({"field": "Link", "fieldtype": "jira"}, True),
    ],
)
def test_histories_name_an_excluded_field_in_many_ways(item: dict[str, Json], is_kept: bool) -> None:
    history: Json = {"id": "1", "items": [{**item, "from": "secret", "fromString": "secret", "toString": "secret"}]}
    row = extract(entity("changelog"), history, policy_without("summary", "customfield_1"))
    assert ("secret" in str(row.values["items"]).replace('"Secret"', "")) is is_kept


def test_objects_of_issues_in_custom_fields_lose_excluded_texts() -> None:
    fields: Json = {"customfield_1": "secret", "customfield_9": {"data": [{"key": "A-1", "summary": "secret"}]}}
    row = extract(entity("issue"), {"id": "1", "fields": fields}, policy_without("summary", "customfield_1"))
    assert row.values["custom"] == '{"customfield_9":{"data":[{"key":"A-1"}]}}'


@pytest.mark.parametrize(("application", "title"), [("com.atlassian.jira", None), ("com.example.git", "secret")])
def test_a_remote_link_to_an_issue_loses_its_summary(application: str, title: str | None) -> None:
    body: Json = {"id": 1, "application": {"type": application}, "object": {"title": "secret", "summary": "secret"}}
    values = extract(entity("remote_link"), body, policy_without("summary")).values
    assert (values["title"], values["summary"]) == (title, title)


def test_a_comment_of_a_worklog_is_left_out_and_its_time_stays() -> None:
    body: Json = {"id": "1", "timeSpentSeconds": 60, "comment": "secret"}
    values = extract(entity("worklog"), body, FieldPolicy(excluded=("worklog_comment",))).values
    assert (values["seconds"], values["comment"], values["comment_text"], values["comment_length"]) == (
        60,
        None,
        None,
        None,
    )
