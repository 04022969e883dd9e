"""A plain entity is one file and a migration: two throw-away ones are planned, stored, proven, refreshed and handed on."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from app.catalog.registry import all_entities
from tests import databases
from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT_TYPE = '''"""A type of projects: software, business, service desk. Its key is its id."""

from datetime import timedelta

from app.catalog.columns import text
from app.catalog.language import Entity, Example, Paging, Walk

ENTITY = Entity(
    name="project_type",
    label="Project types",
    refresh=timedelta(hours=6),
    id=lambda item: item.body.get("key"),
    walk=Walk("project/type", Paging.WHOLE, ""),
    columns=(text("name", "formattedKey"),),
    example=Example(body={"key": "software", "formattedKey": "Software"}, row={"name": "Software"}),
)
'''
PROJECT_ROLE = '''"""A role that people have in a project."""

from datetime import timedelta

from app.catalog.columns import parent, text
from app.catalog.language import Each, Entity, Example, Paging, Walk

ENTITY = Entity(
    name="project_role",
    label="Roles in projects",
    refresh=timedelta(hours=6),
    walk=Walk("project/{project_id}/roledetails", Paging.WHOLE, "", Each.PROJECT, scope_column="home_id"),
    columns=(text("name", "name"), parent("home_id")),
    example=Example(
        body={"id": 10002, "name": "Administrators"}, row={"name": "Administrators", "home_id": "7"}, parent_id="7"
    ),
)
'''
START = (
    "import runpy, sys; from app.catalog import entities; entities.__path__.append(sys.argv.pop(1));"
    " runpy.run_module('tests.integration.catalog.new_entity', run_name='__main__')"
)


@pytest.fixture(scope="module")
def scratch_database_url(server_url: str) -> Iterator[str]:
    """A database for tables that no other test has."""
    url = databases.create(server_url, "new_entity")
    yield url
    databases.drop(server_url, url)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, scratch_database_url: str, redis_url: str) -> dict[str, Any]:
    """Observations of a process with two entities more in its catalogue."""
    folder: Path = tmp_path_factory.mktemp("entities")
    (folder / "project_type.py").write_text(PROJECT_TYPE, encoding="utf-8")
    (folder / "project_role.py").write_text(PROJECT_ROLE, encoding="utf-8")
    arguments = [sys.executable, "-c", START, str(folder), scratch_database_url, redis_url]
    process = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert process.returncode == 0, process.stderr
    observations: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return observations


def test_a_file_is_an_entity_and_a_generated_migration_its_table(life: dict[str, Any]) -> None:
    assert set(life["entities"]) - set(all_entities()) == {"project_type", "project_role"}
    assert set(life["tables"]) == {"jira_project_type", "jira_project_role"}


def test_it_is_planned_with_the_site_or_with_each_project(life: dict[str, Any]) -> None:
    assert "project_type" in life["plan"]
    assert life["rows"] == {
        "project_type": {"software": "Software", "business": "Work"},
        "project_role": {"10002": "Administrators"},
    }


def test_it_is_counted_by_the_verification_and_shown_in_the_progress(life: dict[str, Any]) -> None:
    assert sorted(life["findings"]) == [["project_role", "10000", 1, 1], ["project_type", "", 2, 2]]
    assert life["progress"] == {"project_type": [2, 2, True], "project_role": [1, 1, True]}


def test_its_list_is_read_again_at_its_own_pace(life: dict[str, Any]) -> None:
    assert life["rows after 5 hours"] == life["rows"]
    assert life["rows after 7 hours"] == {
        "project_type": {"software": "Code", "service_desk": "Help"},
        "project_role": {"10003": "Users"},
    }
    assert sorted(life["findings after 7 hours"]) == [["project_role", "10000", 1, 1], ["project_type", "", 2, 2]]


def test_its_changes_and_deletions_are_handed_on(life: dict[str, Any]) -> None:
    assert life["changes"] == [
        ["project_role", "10002", "delete"],
        ["project_role", "10003", "upsert"],
        ["project_type", "business", "delete"],
        ["project_type", "service_desk", "upsert"],
        ["project_type", "software", "upsert"],
    ]


def test_pages_name_it_in_english_until_it_is_translated(life: dict[str, Any]) -> None:
    english, german = life["pages"]
    for label in ("Project types", "Roles in projects"):
        assert label in english
        assert label in german
    assert "Issue types" in english
    assert "Vorgangstypen" in german


def test_operators_see_its_rows(life: dict[str, Any]) -> None:
    assert 'sei_rows{entity="project_type"} 2.0' in life["metrics"]
    assert 'sei_rows{entity="project_role"} 1.0' in life["metrics"]


def test_its_rows_are_erased_with_the_tenant(life: dict[str, Any]) -> None:
    assert life["rows after erasure"] == {"project_type": {}, "project_role": {}}
