"""Issues have the values of the site's own fields in any language and number, and doubts are told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app import actions, jobs
from app.actions import Changes
from app.conditions import Code
from app.ingest import status
from app.integrations.settings import IntegrationSettings
from app.web.api.fields import uses_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.ingest.conftest import Town

POINTS = "customfield_10024"
ESTIMATE = "customfield_10016"
TEAM = "customfield_10001"
TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"


def put_field(town: Town, field_id: str, name: str, own_name: str, custom: str, value_type: str) -> None:
    fields = town.site.world.catalogue.fields
    schema = {"type": value_type, "custom": custom, "customId": int(field_id.split("_")[1])}
    fields[field_id] = {**fields[POINTS], "id": field_id, "key": field_id, "name": name, "untranslatedName": own_name}
    fields[field_id]["schema"] = schema


def set_value(town: Town, number: int, **values: Any) -> str:
    issue = town.site.world.issues[sorted(town.site.world.issues)[number]]
    town.site.world.put(replace(issue, fields={**issue.fields, **values}))
    return issue.id


def doubts(town: Town) -> dict[str, Code]:
    with town.parts.store.bound_to(town.tenant_id) as session:
        uses = status.field_uses(session, town.integration())
    return {use.meaning.value: use.doubt.code for use in uses if use.doubt is not None}


def translate(town: Town) -> tuple[str, str]:
    """The site of a case from the field: two estimates with German names, one of them of team-managed projects."""
    put_field(town, POINTS, "Story-Punkte", "Story Points", f"{TYPES}:float", "number")
    put_field(
        town,
        ESTIMATE,
        "Story-Point-Schätzung",
        "Story point estimate",
        "com.pyxis.greenhopper.jira:jsw-story-points",
        "number",
    )
    return set_value(town, 0, **{ESTIMATE: 5.0, POINTS: None}), set_value(town, 1, **{ESTIMATE: None, POINTS: 8.0})


def test_two_translated_estimates_are_merged_and_told(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    first, second = translate(town)
    town.backfill()
    points = town.rows("issue", "story_points")
    assert (points[first], points[second]) == (5.0, 8.0)
    assert doubts(town)["story_points"] is Code.FIELDS_SEVERAL
    settings = IntegrationSettings.model_validate({"field_mapping": {"story_points": [ESTIMATE, POINTS]}})
    with town.parts.store.unrestricted_unsafe() as session:
        actions.change_settings(session, town.integration_id, Changes(settings=settings))
    assert "story_points" not in doubts(town)


def test_a_team_field_that_appears_has_open_issues_read_again(a_town: Callable[..., Town]) -> None:
    town = a_town()
    assert doubts(town)["team"] is Code.FIELD_ABSENT
    issue_id = set_value(town, 0, **{TEAM: {"id": "7", "name": "Blue"}})
    put_field(town, TEAM, "Mannschaft", "Team", f"{TYPES}:atlassian-team", "team")
    town.refresh("field")
    assert town.rows("issue", "team_id", "team_name")[issue_id] == ("7", "Blue")
    assert "team" not in doubts(town)


def test_a_chosen_field_that_vanishes_is_no_mapping(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    first, second = translate(town)
    settings = IntegrationSettings(story_point_field=ESTIMATE)
    with town.parts.store.unrestricted_unsafe() as session:
        actions.change_settings(session, town.integration_id, Changes(settings=settings))
    town.backfill()
    points = town.rows("issue", "story_points")
    assert (points[first], points[second]) == (5.0, None)
    del town.site.world.catalogue.fields[ESTIMATE]
    set_value(town, 0, **{POINTS: 3.0})
    town.refresh("field")
    points = town.rows("issue", "story_points")
    assert (points[first], points[second]) == (3.0, 8.0)
    assert doubts(town)["story_points"] is Code.FIELD_GONE


def test_settings_of_an_unpaired_integration_hold_from_the_first_plan(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    first, second = translate(town)
    values = {"field_mapping": {"story_points": [POINTS]}, "excluded_fields": ["summary"]}
    with town.parts.store.unrestricted_unsafe() as session:
        session.connection.exec_driver_sql(
            "UPDATE integrations SET tenant_id = NULL WHERE id = %s", (town.integration_id,)
        )
        settings = IntegrationSettings.model_validate(values)
        actions.change_settings(session, town.integration_id, Changes(settings=settings))
        session.connection.exec_driver_sql(
            "UPDATE integrations SET tenant_id = %s WHERE id = %s", (town.tenant_id, town.integration_id)
        )
    town.backfill()
    points = town.rows("issue", "story_points", "summary")
    assert (points[first], points[second]) == ((None, None), (8.0, None))


def test_the_connection_check_tells_the_gravest_doubt(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    translate(town)
    names = [check.name for check in actions.check_connection(town.parts.store, town.parts.sites, town.integration())]
    assert "fields" not in names, "the site's fields aren't read yet"
    town.backfill()
    check = actions.check_connection(town.parts.store, town.parts.sites, town.integration())[-1]
    assert (check.name, check.ok, check.is_required) == ("fields", False, False)
    assert check.condition.code is Code.FIELDS_SEVERAL
    points = uses_of(town.parts, town.integration()).records[0]
    assert (points.kind, [field.id for field in points.fields[:2]], points.is_chosen) == (
        "story_points",
        [ESTIMATE, POINTS],
        False,
    )
    names = f"Story-Point-Schätzung ({ESTIMATE}), Story-Punkte ({POINTS})"
    assert (points.finding or "").startswith(f"Several fields hold story points: {names}")


def test_only_another_reading_plans_anything(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False)
    job_names: list[str] = []

    def change(**values: Any) -> list[str]:
        job_names.clear()
        settings = IntegrationSettings.model_validate(values)
        with town.parts.store.unrestricted_unsafe() as session:
            session.enqueue = lambda spec, *_, **__: job_names.append(spec.name)  # type: ignore[method-assign]  # records
            actions.change_settings(session, town.integration_id, Changes(settings=settings))
        return sorted(job_names)

    assert change(story_point_field=ESTIMATE) == [jobs.SETTINGS.name]
    assert change(field_mapping={"story_points": [ESTIMATE]}) == []
    assert change(field_mapping={"story_points": [ESTIMATE]}, excluded_fields=["comment"]) == [
        jobs.EXCLUDE.name,
        jobs.SETTINGS.name,
    ]
    assert change(field_mapping={"story_points": [ESTIMATE]}) == [jobs.SETTINGS.name]
    assert change(excluded_fields=["comment", "summary"]) == [jobs.EXCLUDE.name, jobs.SETTINGS.name]
    assert change(excluded_fields=["summary", "comment"]) == []
