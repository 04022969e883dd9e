"""Case 74: people without an e-mail address stay the people they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.catalog.extract import Page
from app.catalog.field_policy import FieldPolicy
from tests.attacks.cases import case
from tests.unit.catalog.recorded import extracted_parts, rows_of

if TYPE_CHECKING:
    from app.catalog.json_value import Json

NOBODY: dict[str, Json] = {"absent": {}, "null": {"emailAddress": None}, "empty": {"emailAddress": ""}}


@case(74)
@pytest.mark.parametrize("name", NOBODY)
def test_74_no_email_is_no_key(name: str) -> None:
    """Two people whose address Jira does not tell are two people, told apart by account."""
    people: list[Json] = [{"accountId": each, "displayName": each, **NOBODY[name]} for each in ("a", "b")]  # type: ignore[dict-item]  # objects
    body: Json = {"id": "1", "fields": {"creator": people[0], "assignee": people[1]}}
    found = rows_of("user", extracted_parts("issue", body, Page(FieldPolicy())))
    assert set(found) == {"a", "b"}
    assert [found[each].values["display_name"] for each in ("a", "b")] == ["a", "b"]
    assert not any(row.values["email"] for row in found.values())
