"""Criteria of hygiene: an SEI admin's conditions on the fields of open issues. Each describes the bad state."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from app.catalog.language import Kind
from app.catalog.registry import entity
from app.conditions import Code, Condition

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CRITERIA = 10
"""The vendor's own limit of hygiene categories."""
_MOST_DAYS, _MOST_CHARACTERS, _MOST_VALUES = 36_500, 1_000_000, 100
_EXACT = 2**53
"""Whole numbers up to here are equal to one number of JSON only."""
_CUSTOM_ID = re.compile(r"customfield_[0-9]{1,18}", re.ASCII)


class Operator(StrEnum):
    """The bad state of a field."""

    MISSING = "missing"
    EMPTY = "empty"
    OLDER_THAN = "older_than"
    LENGTH_BELOW = "length_below"
    NOT_IN_LIST = "not_in_list"

    @classmethod
    def _missing_(cls, value: object) -> Operator | None:
        """The operator under its name with blanks, as pages write it."""
        return cls.__members__.get(value.replace(" ", "_").upper()) if isinstance(value, str) else None


class FieldType(StrEnum):
    """The kinds of values that operators tell apart."""

    TEXT = "text"
    RICH_TEXT = "rich_text"
    REFERENCE = "reference"
    """One id or choice."""
    LIST = "list"
    NUMBER = "number"
    TRUTH = "truth"
    MOMENT = "moment"
    DAY = "day"
    OTHER = "other"


class CriterionFault(ValueError):
    """A fault of a criterion, with the part of it and the condition for people. Its text is for programs."""

    def __init__(self, part: str, condition: Condition, text: str = "") -> None:
        self.part, self.condition = part, condition
        super().__init__(text or _text_of(condition))


def _text_of(condition: Condition) -> str:
    operator, field, field_type = (condition.params[name] for name in ("operator", "field", "field_type"))
    return f"{operator} does not suit {field}, which is of the type {field_type}"


_ANY = frozenset(FieldType)
_SUITABLE: Mapping[Operator, frozenset[FieldType]] = MappingProxyType(
    {
        Operator.MISSING: _ANY,
        Operator.EMPTY: _ANY,
        Operator.OLDER_THAN: frozenset({FieldType.MOMENT, FieldType.DAY}),
        Operator.LENGTH_BELOW: frozenset({FieldType.TEXT, FieldType.RICH_TEXT}),
        Operator.NOT_IN_LIST: frozenset({FieldType.TEXT, FieldType.REFERENCE, FieldType.LIST, FieldType.NUMBER}),
    }
)
_TYPES: Mapping[Kind, FieldType] = MappingProxyType(
    {
        Kind.TEXT: FieldType.TEXT,
        Kind.TEXTS: FieldType.LIST,
        Kind.INTEGER: FieldType.NUMBER,
        Kind.NUMBER: FieldType.NUMBER,
        Kind.BOOLEAN: FieldType.TRUTH,
        Kind.MOMENT: FieldType.MOMENT,
        Kind.DATE: FieldType.DAY,
        Kind.JSON: FieldType.OTHER,
    }
)
_SCHEMA_TYPES: Mapping[str, FieldType] = MappingProxyType(
    {
        "string": FieldType.TEXT,
        "number": FieldType.NUMBER,
        "date": FieldType.DAY,
        "datetime": FieldType.MOMENT,
        "array": FieldType.LIST,
        **dict.fromkeys(
            ("option", "option-with-child", "user", "group", "version", "project", "priority", "team"),
            FieldType.REFERENCE,
        ),
    }
)
"""Types in Jira's list of fields; apps have more of their own."""
_JIRA_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "assignee": "assignee_id",
        "components": "component_ids",
        "creator": "creator_id",
        "duedate": "due",
        "fixVersions": "fix_version_ids",
        "issuetype": "issue_type_name",
        "parent": "parent_key",
        "priority": "priority_name",
        "project": "project_key",
        "reporter": "reporter_id",
        "resolution": "resolution_name",
        "resolutiondate": "resolved",
        "status": "status_name",
        "versions": "affected_version_ids",
    }
)
"""Columns by Jira's own names of fields, where these differ."""


@cache
def column_types() -> Mapping[str, FieldType]:
    """The columns of an issue that a criterion may name, in the order of the feed, and their types."""
    columns = {column.name: column.kind for column in entity("issue").columns}
    types = {name: _TYPES[kind] for name, kind in columns.items() if name != "custom"}
    types |= {name: FieldType.REFERENCE for name in types if name.endswith("_id")}
    types |= {name: FieldType.RICH_TEXT for name in types if f"{name}_text" in types}
    return MappingProxyType(types)


def type_in_schema(schema_type: str | None) -> FieldType | None:
    """The type of a custom field by its schema in Jira's list; None for one that only an app knows."""
    return _SCHEMA_TYPES.get(schema_type or "")


def _plain_name(name: str) -> str:
    """A name fit for a page and an address. Raises ValueError."""
    if not name.isprintable() or set(name) & set('<>"/\\'):
        raise ValueError('must be printable, without < > " / and \\')
    if not any(map(str.isalpha, name)):
        raise ValueError("needs a letter, since a number is a criterion's position")
    return name


def _field(name: str) -> str:
    """The name of a column or the id of a custom field. Raises ValueError."""
    if not _CUSTOM_ID.fullmatch(name) and _JIRA_NAMES.get(name, name) not in column_types():
        raise ValueError("is neither a column of the issue in the feed nor the id of a custom field")
    return name


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_plain_name)
]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$"), AfterValidator(_field)]


def _storable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be printable")
    return text


Count = Annotated[int, Field(strict=True, ge=0, le=_MOST_CHARACTERS)]
ListedValue = (
    Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200), AfterValidator(_storable)]
    | Annotated[int, Field(strict=True, ge=-_EXACT, le=_EXACT)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)


_VALUE_FORMS = (
    f"must be a whole number up to {_MOST_CHARACTERS}, or a list of 1 to {_MOST_VALUES} numbers and printable texts of at"
    " most 200 characters"
)


class Criterion(BaseModel):
    """One condition on a field; open issues in this state are misses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="Differs from the names of the other criteria in more than case")
    field: FieldName = Field(
        description="A column of the issue in the feed, Jira's own name for it, or the id of a custom field"
    )
    operator: Operator
    value: Count | Annotated[list[ListedValue], Field(min_length=1, max_length=_MOST_VALUES)] | None = Field(
        None, description="Days of `older_than`, characters of `length_below`, values of `not_in_list`; null otherwise"
    )

    @field_validator("value", mode="wrap")
    @classmethod
    def _one_fault(cls, value: object, validate: ValidatorFunctionWrapHandler) -> object:
        """The value, with one fault in place of one for each alternative. Raises CriterionFault."""
        try:
            return validate(value)
        except ValidationError as error:
            raise CriterionFault("value", Condition(Code.BAD_CRITERION_VALUE), _VALUE_FORMS) from error

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """The operator must suit the column, and the value the operator."""
        if self.type is not None and not self.suits(self.type):
            raise CriterionFault("operator", self.unsuitable_for(self.type))
        if problem := self._problem_of_value():
            raise CriterionFault("value", Condition(Code.BAD_CRITERION_VALUE), problem)
        return self

    def _problem_of_value(self) -> str:
        """The fault of the value, empty where it fits."""
        if self.operator is Operator.OLDER_THAN:
            is_fit = isinstance(self.value, int) and self.value <= _MOST_DAYS
            return "" if is_fit else "older_than needs a value of 0 to 36500 days"
        if self.operator is Operator.LENGTH_BELOW:
            return (
                ""
                if isinstance(self.value, int) and self.value
                else "length_below needs a value of 1 or more characters"
            )
        if self.operator is not Operator.NOT_IN_LIST:
            return "" if self.value is None else f"{self.operator} takes no value"
        if not isinstance(self.value, list):
            return "not_in_list needs a list of values"
        if self.type is FieldType.NUMBER and len(self.numbers) < len(self.value):
            return "the field is a number, so the list must have numbers only"
        return ""

    def suits(self, field_type: FieldType) -> bool:
        """Whether the operator suits fields of this type."""
        return field_type in _SUITABLE[self.operator]

    def unsuitable_for(self, field_type: FieldType) -> Condition:
        """The condition of an operator that doesn't suit fields of this type."""
        return Condition(
            Code.CRITERION_UNSUITABLE, operator=self.operator.value, field=self.field, field_type=field_type.value
        )

    @property
    def column(self) -> str | None:
        """The column of the issue; None for a custom field."""
        return None if _CUSTOM_ID.fullmatch(self.field) else _JIRA_NAMES.get(self.field, self.field)

    @property
    def type(self) -> FieldType | None:
        """The type of the column; None for a custom field, which only the site knows."""
        return column_types()[self.column] if self.column else None

    @property
    def limit(self) -> int:
        """The days or characters of the value, 0 for a list or none."""
        return self.value if isinstance(self.value, int) else 0

    @property
    def texts(self) -> list[str]:
        """The listed values as text."""
        return [str(value) for value in self.value] if isinstance(self.value, list) else []

    @property
    def numbers(self) -> list[float]:
        """The numbers among the listed values."""
        return [number for text in self.texts if (number := _number(text)) is not None]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= _EXACT else None


def distinct(criteria: list[Criterion]) -> list[Criterion]:
    """The criteria, if no two have one name. Raises CriterionFault."""
    if len({criterion.name.casefold() for criterion in criteria}) < len(criteria):
        raise CriterionFault("name", Condition(Code.BAD_CRITERION_NAME), "two criteria have the same name")
    return criteria
