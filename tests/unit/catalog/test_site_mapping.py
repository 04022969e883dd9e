"""The site's own fields are found by schema and untranslated name, in any language and number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.catalog.extract import extract
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.catalog.site_mapping import Meaning, SiteField, map_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.catalog.json_value import Json

FLOAT = "com.atlassian.jira.plugin.system.customfieldtypes:float"
POINTS = "com.pyxis.greenhopper.jira:jsw-story-points"
TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"


def a_field(
    number: int, name: str, custom: str, value: str, *, own: str | None = None, project: str | None = None
) -> SiteField:
    return SiteField(f"customfield_{number}", name, own or name, value, custom, project)


def fields_of(fields: Sequence[SiteField], meaning: Meaning, chosen_ids: Sequence[str] = ()) -> tuple[str, ...]:
    return map_fields(fields, {meaning: chosen_ids})[meaning].fields


def policy_of(bodies: list[Any]) -> FieldPolicy:
    rows = [extract(entity("field"), body, FieldPolicy()) for body in bodies]
    names = [name for name in SiteField.__dataclass_fields__ if name != "id"]
    fields = [SiteField(row.id, **{name: row.values[name] for name in names}) for row in rows]  # type: ignore[arg-type]  # texts
    return FieldPolicy(**{meaning.value: kind.fields for meaning, kind in map_fields(fields, {}).items()})


GERMAN: list[Any] = [
    {
        "id": "customfield_10016",
        "name": "Story-Point-Schätzung",
        "untranslatedName": "Story point estimate",
        "schema": {"type": "number", "custom": POINTS},
    },
    {
        "id": "customfield_10024",
        "name": "Story-Punkte",
        "untranslatedName": "Story Points",
        "schema": {"type": "number", "custom": FLOAT},
    },
]


@pytest.mark.parametrize(("field", "points"), [("customfield_10016", 5.0), ("customfield_10024", 8.0)])
def test_translated_names_hide_no_story_points(field: str, points: float) -> None:
    body: Json = {"id": "1", "fields": {field: points}}
    assert extract(entity("issue"), body, policy_of(GERMAN)).values["story_points"] == points


def test_the_order_is_schema_then_name_then_number() -> None:
    fields = [
        a_field(10200, "Story Points", f"{TYPES}:select", "option"),
        a_field(10100, "Story Points", FLOAT, "number"),
        a_field(9000, "Story Points", FLOAT, "number"),
        a_field(10300, "Estimate", POINTS, "number", project="10001"),
    ]
    assert [name.removeprefix("customfield_") for name in fields_of(fields, Meaning.STORY_POINTS)] == [
        *("10300", "9000", "10100", "10200")
    ]


@pytest.mark.parametrize(
    ("meaning", "field"),
    [
        (Meaning.SPRINT, a_field(1, "Iteration", "com.pyxis.greenhopper.jira:gh-sprint", "array", own="Iteration")),
        (Meaning.EPIC, a_field(2, "Epos", "com.pyxis.greenhopper.jira:gh-epic-link", "any", own="Whatever")),
        (Meaning.START_DATE, a_field(3, "Startdatum", f"{TYPES}:datepicker", "date", own="Start date")),
        (Meaning.TEAM, a_field(4, "Mannschaft", f"{TYPES}:atlassian-team", "team")),
        (Meaning.TEAM, a_field(5, "Team", "com.atlassian.teams:rm-teams-custom-field-team", "any")),
        (Meaning.FLAGGED, a_field(6, "Markiert", f"{TYPES}:multicheckboxes", "array", own="Flagged")),
    ],
)
def test_every_kind_is_found_in_any_language(meaning: Meaning, field: SiteField) -> None:
    assert fields_of([field], meaning) == (field.id,)


def test_a_translated_name_alone_is_no_proof() -> None:
    """A text that is displayed as Story Points, an end date, and check boxes of another name are other fields."""
    fields = [
        a_field(1, "Story Points", f"{TYPES}:textfield", "string"),
        a_field(2, "Start date", f"{TYPES}:datepicker", "date", own="End date"),
        a_field(3, "Checks", f"{TYPES}:multicheckboxes", "array"),
    ]
    assert not any(kind.fields for kind in map_fields(fields, {}).values())


def test_a_site_without_untranslated_names_is_read_by_the_displayed_ones() -> None:
    field = SiteField("customfield_1", "Story Points", None, "number", FLOAT)
    assert fields_of([field], Meaning.STORY_POINTS) == ("customfield_1",)


def test_a_chosen_field_comes_first_and_a_vanished_one_is_none() -> None:
    fields = [a_field(1, "Story Points", FLOAT, "number"), a_field(2, "Effort", FLOAT, "number")]
    assert fields_of(fields, Meaning.STORY_POINTS, ["customfield_2"]) == ("customfield_2",)
    points = map_fields(fields, {Meaning.STORY_POINTS: ["customfield_3"]})[Meaning.STORY_POINTS]
    assert (points.fields, points.gone_ids, points.is_chosen) == (("customfield_1",), ("customfield_3",), False)
    assert fields_of(fields, Meaning.EPIC, ["parent"]) == ("parent",), "lists leave system fields out"
    assert fields_of([], Meaning.STORY_POINTS, ["customfield_3"]) == ("customfield_3",), "nothing is read yet"


def test_an_excluded_field_is_mapped_to_nothing() -> None:
    fields = [a_field(1, "Story Points", FLOAT, "number")]
    points = map_fields(fields, {}, ["customfield_1"])[Meaning.STORY_POINTS]
    assert (points.fields, points.excluded_ids) == ((), ("customfield_1",))


@pytest.mark.parametrize(
    ("scopes", "is_ambiguous"),
    [([None], False), ([None, None], True), ([None, "1"], True), (["1", "2"], False), (["1", "1"], True)],
)
def test_fields_of_different_projects_never_meet(scopes: list[str | None], is_ambiguous: bool) -> None:
    fields = [a_field(number, "Story Points", FLOAT, "number", project=scope) for number, scope in enumerate(scopes)]
    assert map_fields(fields, {})[Meaning.STORY_POINTS].is_ambiguous is is_ambiguous


def test_each_issue_has_the_first_field_with_a_value() -> None:
    policy = FieldPolicy(
        sprint=("customfield_1", "customfield_2"),
        epic=("customfield_3", "parent"),
        start_date=("customfield_4", "customfield_5"),
        due_date=("customfield_6",),
        team=("customfield_7", "customfield_8"),
        flagged=("customfield_9",),
    )
    fields: Json = {
        "customfield_1": [],
        "customfield_2": [{"id": 5}],
        "parent": {"key": "A-1"},
        "customfield_5": "2026-01-02",
        "duedate": "2026-02-03",
        "customfield_8": {"id": 7, "title": "Red"},
        "customfield_9": [],
    }
    values = extract(entity("issue"), {"id": "1", "fields": fields}, policy).values
    names = ("sprint_ids", "epic_key", "start", "due", "team_id", "team_name", "flagged")
    assert [str(values[name]) for name in names] == [*("['5']", "A-1", "2026-01-02", "2026-02-03", "7", "Red", "False")]


@pytest.mark.parametrize(
    ("value", "team"),
    [
        ({"id": "36885b3c", "name": "Blue", "isVisible": True}, ("36885b3c", "Blue")),
        ("17", ("17", None)),
        ({"name": {"a": 1}}, (None, None)),
        ([], (None, None)),
        (None, (None, None)),
    ],
)
def test_teams_come_in_several_shapes(value: Json, team: tuple[str | None, str | None]) -> None:
    body: Json = {"id": "1", "fields": {"customfield_1": value}}
    values = extract(entity("issue"), body, FieldPolicy(team=("customfield_1",))).values
    assert (values["team_id"], values["team_name"]) == team
