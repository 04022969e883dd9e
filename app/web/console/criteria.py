"""The form of hygiene criteria on the Settings tab: one row a criterion, and an empty one for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from app.conditions import Code, Condition
from app.integrations.hygiene import MOST_CRITERIA, CriterionFault, Operator, column_types
from app.integrations.settings import IntegrationSettings
from app.web.console.forms import list_of, words_of
from app.web.words.hygiene import OPERATORS
from app.web.words.language import gettext
from app.web.words.sentences import explain
from app.web.words.terms import COLUMNS

if TYPE_CHECKING:
    from pydantic import ValidationError

    from app.integrations.hygiene import Criterion
    from app.web.words.sentences import Explanation

    Row = dict[str, Any]

_PARTS = ("name", "field", "operator", "value")
_FAULTS = {
    "name": Code.BAD_CRITERION_NAME,
    "field": Code.BAD_CRITERION_FIELD,
    "operator": Code.BAD_CRITERION_VALUE,
    "value": Code.BAD_CRITERION_VALUE,
}
"""By the part of a criterion."""
_MOST_DIGITS = 9


def choices() -> dict[str, dict[str, str]]:
    """Fields and operators in the reader's language."""
    return {
        "fields": {name: gettext(COLUMNS[name]) if name in COLUMNS else "" for name in column_types()},
        "operators": {operator.value: gettext(OPERATORS[operator.value]) for operator in Operator},
    }


def rows_of(settings: IntegrationSettings) -> list[Row]:
    """The rows for stored criteria, and an empty one where another fits."""
    return _with_empty_row([_row_of(criterion) for criterion in settings.hygiene])


def rows_of_form() -> list[Row]:
    """The rows as they were sent, for a form with a fault."""
    rows = [{part: words_of(f"criterion_{number}_{part}") for part in _PARTS} for number in _numbers()]
    return _with_empty_row(rows)


def settings_of_form(settings: IntegrationSettings) -> IntegrationSettings:
    """The settings with the form's criteria. Raises ValidationError, with positions in the order of the rows."""
    criteria = [_criterion_of(number) for number in _numbers()]
    return IntegrationSettings.model_validate({**settings.model_dump(), "hygiene": criteria})


def explain_criteria(faults: ValidationError) -> dict[str, Explanation]:
    """The faults of the form, by the name of the input."""
    numbers, explanations = _numbers(), {}
    for error in faults.errors():
        _, *place = error["loc"]
        number = numbers[int(place[0])] if place else 1
        fault = error.get("ctx", {}).get("error")
        if isinstance(fault, CriterionFault):
            part, condition = fault.part, fault.condition
        else:
            part = str(place[1]) if len(place) > 1 else "name"
            condition = Condition(_FAULTS.get(part, Code.BAD_CRITERION_VALUE))
        explanations[f"criterion_{number}_{part}"] = explain(condition)
    return explanations


def _row_of(criterion: Criterion) -> Row:
    value = ", ".join(criterion.texts) if criterion.texts else criterion.value
    return {
        "name": criterion.name,
        "field": criterion.field,
        "operator": criterion.operator.value,
        "value": "" if value is None else str(value),
    }


def _with_empty_row(rows: list[Row]) -> list[Row]:
    return rows if len(rows) >= MOST_CRITERIA else [*rows, dict.fromkeys(_PARTS, "")]


def _numbers() -> list[int]:
    """The numbers of the rows that hold a criterion to keep."""
    return [
        number
        for number in range(1, MOST_CRITERIA + 1)
        if any(words_of(f"criterion_{number}_{part}") for part in ("name", "field", "value"))
        and not request.form.get(f"criterion_{number}_removed")
    ]


def _criterion_of(number: int) -> Row:
    """A row as the API takes it; a value is dropped where the operator takes none."""
    row: Row = {part: words_of(f"criterion_{number}_{part}") for part in _PARTS}
    if row["operator"] == Operator.NOT_IN_LIST:
        row["value"] = list_of(f"criterion_{number}_value")
    elif row["operator"] in {Operator.MISSING, Operator.EMPTY} or not row["value"]:
        row["value"] = None
    elif row["value"].isdecimal() and len(row["value"]) <= _MOST_DIGITS:
        row["value"] = int(row["value"])
    return row
