"""Misses by hygiene criteria: the SQL of every operator and type, the reasons to skip, and nobody else's rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app import clock
from app.catalog.registry import entity
from app.conditions import Code
from app.errors import Malformed
from app.ingest.status import hygiene
from app.integrations.hygiene import Criterion
from app.integrations.settings import IntegrationSettings
from app.store import records
from tests.factories import a_paired_site, a_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.extract import Row
    from app.integrations.model import Integration
    from app.runtime import Runtime

FIELD = "customfield_10050"
DOCUMENT = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "abc"}]}],
}
MEDIA = {"type": "doc", "version": 1, "content": [{"type": "mediaSingle", "content": [{"type": "media"}]}]}


class Office:
    """A paired site with rows of the catalogue, and the settings of its integration."""

    def __init__(self, parts: Runtime) -> None:
        self.parts = parts
        self.site, self._integration = a_paired_site(parts)

    def keep(self, *rows: Row) -> None:
        with self.parts.store.bound_to(self.site.tenant_id) as session:
            records.apply(session, rows, read_at=clock.now())

    def issues(self, *values: dict[str, Any]) -> None:
        """Store issues with the ids 1, 2, 3 and so on."""
        self.keep(*(a_row("issue", str(number), key=f"A-{number}", **row) for number, row in enumerate(values, 1)))

    def customs(self, *values: object) -> None:
        """Store issues with these values of one custom field; None: without the field."""
        self.issues(*({"custom": json.dumps({} if value is None else {FIELD: value})} for value in values))

    def integration(self, **settings: Any) -> Integration:
        values = IntegrationSettings.model_validate(settings).model_dump(mode="json")
        return replace(self._integration, settings=values)

    def result(self, field: str, operator: str, value: object = None, **settings: Any) -> hygiene.Result:
        criterion = {"name": "One", "field": field, "operator": operator, "value": value}
        integration = self.integration(hygiene=[criterion], **settings)
        with self.parts.store.bound_to(self.site.tenant_id) as session:
            return hygiene.hygiene_of(session, integration).results[0]

    def misses(self, field: str, operator: str, value: object = None) -> list[str]:
        """The ids of the issues that miss a criterion; their number is the count."""
        criterion = Criterion.model_validate({"name": "One", "field": field, "operator": operator, "value": value})
        with self.parts.store.bound_to(self.site.tenant_id) as session:
            ids = [miss.id for miss in hygiene.misses_of(session, self.integration(), criterion, after="", limit=1000)]
        assert self.result(field, operator, value).misses == len(ids)
        return ids


@pytest.fixture
def office(parts: Runtime) -> Office:
    return Office(parts)


def test_texts(office: Office) -> None:
    office.issues({"summary": None}, {"summary": "\u3000 \t\n"}, {"summary": "äbc"}, {"summary": "four"})
    assert office.misses("summary", "missing") == ["1"]
    assert office.misses("summary", "empty") == ["1", "2"]
    assert office.misses("summary", "length_below", 4) == ["1", "3"]
    assert office.misses("summary", "not_in_list", ["four", "äbc"]) == ["2"]


def test_formatted_texts_count_by_their_words(office: Office) -> None:
    document = json.dumps(DOCUMENT)
    office.issues(
        {"description_length": 0},
        {"description": json.dumps(MEDIA), "description_text": "", "description_length": 0},
        {"description": document, "description_text": "abc", "description_length": 3},
    )
    assert office.misses("description", "missing") == ["1"]
    assert office.misses("description", "empty") == ["1", "2"]
    assert office.misses("description", "length_below", 3) == ["1", "2"]
    assert office.misses("description", "length_below", 4) == ["1", "2", "3"]


def test_choices_and_lists(office: Office) -> None:
    office.issues(
        {"priority_id": None, "labels": None},
        {"priority_id": "3", "labels": []},
        {"priority_id": "4", "labels": ["a", "b"]},
        {"priority_id": "5", "labels": ["c"]},
    )
    assert office.misses("priority_id", "missing") == ["1"]
    assert office.misses("priority_id", "not_in_list", [3, "4"]) == ["4"]
    assert office.misses("labels", "missing") == ["1", "2"]
    assert office.misses("labels", "empty") == ["1", "2"]
    assert office.misses("labels", "not_in_list", ["a", "x"]) == ["4"], "one listed value is enough, as in JQL"


def test_numbers_and_truths(office: Office) -> None:
    office.issues(
        {"story_points": None}, {"story_points": 3.0}, {"story_points": 0.5}, {"story_points": 4.0, "flagged": True}
    )
    assert office.misses("story_points", "missing") == ["1"]
    assert office.misses("story_points", "not_in_list", [0.5, 3, "8"]) == ["4"]
    assert office.misses("flagged", "missing") == ["1", "2", "3"]


def test_ages(office: Office) -> None:
    now = clock.now()
    days = (None, 1, 29.99, 30.01, 400)
    office.issues(
        *(
            {} if age is None else {"updated": now - timedelta(days=age), "due": (now - timedelta(days=age)).date()}
            for age in days
        )
    )
    assert office.misses("updated", "older_than", 30) == ["4", "5"]
    assert office.misses("due", "older_than", 30)[-1:] == ["5"]
    assert "1" not in office.misses("due", "older_than", 0), "an issue without a due date is not overdue"


def test_a_day_is_old_from_the_day_after(office: Office) -> None:
    today = clock.now().date()
    office.issues(*({"due": today - timedelta(days=age)} for age in (-1, 0, 1, 2)))
    assert office.misses("due", "older_than", 0) == ["3", "4"]
    assert office.misses("due", "older_than", 1) == ["4"]


def test_custom_fields_of_any_form(office: Office) -> None:
    office.customs(None, "", [], "  ", {}, MEDIA, DOCUMENT, "abcd", 7, ["x"], {"value": "Red", "id": "1"}, False)
    assert office.misses(FIELD, "missing") == ["1", "2", "3"]
    assert sorted(office.misses(FIELD, "empty"), key=int) == ["1", "2", "3", "4", "5", "6"]
    short_values = sorted(office.misses(FIELD, "length_below", 4), key=int)
    assert short_values == ["1", "2", "3", "4", "5", "6", "7", "9", "11"]


def test_values_of_custom_fields_in_lists(office: Office) -> None:
    office.customs(
        None,
        {"value": "Red", "id": "1"},
        {"value": "Blue", "id": "2"},
        [{"name": "Red"}, {"name": "Blue"}],
        ["Blue"],
        3.0,
        4,
        {"accountId": "557058:ann"},
        10**400,
    )
    assert office.misses(FIELD, "not_in_list", ["Red", 3, "557058:ann"]) == ["3", "5", "7", "9"]
    assert office.misses(FIELD, "not_in_list", ["2", "1", "Red"]) == ["5", "6", "7", "8", "9"]


def test_days_of_custom_fields_never_fail(office: Office) -> None:
    today = clock.now().date()
    old_day = (today - timedelta(days=31)).isoformat()
    office.customs(
        None,
        old_day,
        f"{old_day}T23:59:00.000+0800",
        (today - timedelta(days=30)).isoformat(),
        "20222-02-31",
        "2022-02-31",
        "no date",
        20220101,
        [old_day],
    )
    assert office.misses(FIELD, "older_than", 30) == ["2", "3", "6"]


def test_done_deleted_and_unread_issues_are_no_misses(office: Office) -> None:
    stub = a_row("issue", "4", key="A-4")
    stub.is_stub = True
    office.issues({"status_category": "done"}, {"status_category": "new"}, {"status_category": "new"})
    office.keep(stub)
    with office.parts.store.bound_to(office.site.tenant_id) as session:
        later = clock.now() + timedelta(seconds=1)
        records.bury(session, entity("issue"), ["3"], at=later, because="deleted")
    assert office.misses("assignee_id", "missing") == ["2"]


# Skipped


def site_field(field_id: str, schema_type: str | None = None, **values: object) -> Row:
    return a_row("field", field_id, name=field_id, schema_type=schema_type, **values)


@pytest.mark.parametrize(
    ("field", "choices", "code"),
    [
        ("summary", {"excluded_fields": ["summary"]}, Code.CRITERION_EXCLUDED),
        ("description", {"excluded_fields": ["description"]}, Code.CRITERION_EXCLUDED),
        ("description_length", {"excluded_fields": ["description"]}, Code.CRITERION_EXCLUDED),
        ("comment_total", {"excluded_fields": ["comment"]}, Code.CRITERION_EXCLUDED),
        (FIELD, {"excluded_fields": [FIELD]}, Code.CRITERION_EXCLUDED),
        (FIELD, {"custom_fields": ["customfield_10016"]}, Code.CRITERION_NOT_STORED),
        ("customfield_9", {}, Code.CRITERION_FIELD_ABSENT),
        ("team_id", {}, Code.CRITERION_FIELD_ABSENT),
        ("story_points", {"excluded_fields": ["customfield_10016"]}, Code.CRITERION_EXCLUDED),
        ("summary", {"excluded_fields": ["description", FIELD]}, None),
        ("due", {}, None),
        ("epic_key", {}, None),
        ("story_points", {}, None),
        (FIELD, {"custom_fields": [FIELD]}, None),
    ],
)
def test_a_field_that_is_not_stored_is_skipped_openly(
    office: Office, field: str, choices: dict[str, Any], code: Code | None
) -> None:
    jira_points = "com.pyxis.greenhopper.jira:jsw-story-points"
    office.keep(site_field(FIELD, "string"), site_field("customfield_10016", "number", schema_custom=jira_points))
    office.issues({})
    result = office.result(field, "missing", **choices)
    assert (result.skip_reason and result.skip_reason.code) == code
    assert result.misses == (1 if code is None else None)


def test_a_field_that_only_issues_have_is_evaluated(office: Office) -> None:
    office.keep(site_field("customfield_10016", "number"))
    office.customs(None, "x")
    assert office.result(FIELD, "missing").misses == 1
    assert office.result("customfield_9", "missing").misses is None


@pytest.mark.parametrize(
    ("schema_type", "operator", "value", "is_suitable"),
    [
        ("string", "length_below", 5, True),
        ("string", "older_than", 5, False),
        ("datetime", "older_than", 5, True),
        ("number", "length_below", 5, False),
        ("option", "length_below", 5, False),
        ("array", "not_in_list", ["a"], True),
        ("date", "not_in_list", ["a"], False),
        ("com.example:own", "older_than", 5, True),
        (None, "length_below", 5, True),
    ],
)
def test_an_operator_that_does_not_suit_a_custom_field_is_refused_and_skipped(
    office: Office, schema_type: str | None, operator: str, value: object, is_suitable: bool
) -> None:
    office.keep(site_field(FIELD, schema_type))
    settings = IntegrationSettings.model_validate(
        {"hygiene": [{"name": "One", "field": FIELD, "operator": operator, "value": value}]}
    )
    with office.parts.store.bound_to(office.site.tenant_id) as session:
        if is_suitable:
            hygiene.require_suitable(session, settings)
        else:
            with pytest.raises(Malformed) as refusal:
                hygiene.require_suitable(session, settings)
            assert refusal.value.condition.code is Code.CRITERION_UNSUITABLE
    result = office.result(FIELD, operator, value)
    assert (result.skip_reason is None) is is_suitable


def test_ten_criteria_are_two_statements_whatever_the_number_of_issues(
    office: Office, statements: Callable[[], Any]
) -> None:
    office.issues(*({} for _ in range(300)))
    criteria = [{"name": f"Rule {number}", "field": "due", "operator": "missing"} for number in range(10)]
    integration = office.integration(hygiene=criteria)
    with office.parts.store.bound_to(office.site.tenant_id) as session, statements() as log:
        results = hygiene.hygiene_of(session, integration).results
    assert [result.misses for result in results] == [300] * 10
    assert len(log) == 2
    with office.parts.store.bound_to(office.site.tenant_id) as session, statements() as log:
        assert hygiene.hygiene_of(session, office.integration()).results == []
    assert log == []


def test_pages_of_issues_follow_each_other_without_gap_or_double(office: Office) -> None:
    office.issues(*({} for _ in range(25)))
    criterion = Criterion.model_validate({"name": "One", "field": "due", "operator": "missing"})
    ids: list[str] = []
    with office.parts.store.bound_to(office.site.tenant_id) as session:
        while page := hygiene.misses_of(
            session, office.integration(), criterion, after=ids[-1] if ids else "", limit=7
        ):
            ids += [miss.id for miss in page]
    assert len(ids) == 25
    assert set(ids) == {str(number) for number in range(1, 26)}


def test_rows_of_another_tenant_are_no_misses(parts: Runtime, office: Office) -> None:
    Office(parts).issues({}, {}, {})
    office.issues({})
    assert office.misses("due", "missing") == ["1"]


def test_days_are_counted_in_the_time_zone_of_the_settings(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    evening = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: evening)
    office.issues({"due": "2026-03-09"}, {"due": "2026-03-08"})
    assert office.result("due", "older_than", 1).misses == 1
    assert office.result("due", "older_than", 1, time_zone="Asia/Kolkata").misses == 2, "it is the 11th there"
    assert office.result("due", "older_than", 2, time_zone="America/New_York").misses == 0
