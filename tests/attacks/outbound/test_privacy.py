"""Case 74: people without an e-mail address keep their identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.catalog.extract import Page
from app.catalog.field_policy import FieldPolicy
from tests.attacks.cases import case
from tests.unit.catalog.recorded import extracted_parts, rows_of

if TYPE_CHECKING:
    from app.catalog.json_value import Json

ABSENCES: dict[str, dict[str, Json]] = {"absent": {}, "null": {"emailAddress": None}, "empty": {"emailAddress": ""}}


@case(74)
@pytest.mark.parametrize("absence", ABSENCES)
def test_74_no_email_is_no_key(absence: str) -> None:
    """Two people with hidden addresses are distinguished by account."""
    address = ABSENCES[absence]
    people: list[Json] = [{"accountId": name, "displayName": name, **address} for name in ("a", "b")]
    body: Json = {"id": "1", "fields": {"creator": people[0], "assignee": people[1]}}
    rows = rows_of("user", extracted_parts("issue", body, Page(FieldPolicy())))
    assert set(rows) == {"a", "b"}
    assert [rows[account_id].values["display_name"] for account_id in ("a", "b")] == ["a", "b"]
    assert not any(row.values["email"] for row in rows.values())
