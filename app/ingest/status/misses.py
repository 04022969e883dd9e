"""The SQL of hygiene criteria: one condition on the stored issue for each, true for a miss.

A column without value is null; Jira's empty text is stored as null. A custom field is a value of JSON of any form, so
no condition on it may fail: days are compared as text, and numbers only where JSON has one.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Double, Numeric, Text, and_, case, cast, false, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONPATH

from app import clock
from app.catalog.registry import entity
from app.integrations.hygiene import FieldType, Operator
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from sqlalchemy import ColumnElement

    from app.integrations.hygiene import Criterion

    Conditions = dict[Operator, Callable[[], ColumnElement[bool]]]

_BLANKS = "".join(filter(str.isspace, map(chr, range(1, 0x3001))))
"""The characters that Unicode counts as white space."""
_DAY = r"^\d{4}-\d{2}-\d{2}"
_PARTS = ("value", "name", "id", "key", "accountId")
"""Members by which an object of a custom field, such as a choice or a person, is listed."""


def is_open() -> ColumnElement[bool]:
    """Condition: an issue that criteria apply to, which is live and not done."""
    issue = entity("issue")
    return is_live(issue) & table_of(issue).c.status_category.is_distinct_from("done")


def is_miss(criterion: Criterion, today: date) -> ColumnElement[bool]:
    """Condition: the issue is in the bad state of the criterion; never null. Days are counted from `today`."""
    first_day = today - timedelta(days=criterion.limit)
    make = _of_custom_field if criterion.column is None else _of_column
    conditions = make(criterion, first_day)
    return func.coalesce(conditions[criterion.operator](), false())


def _of_column(criterion: Criterion, first_day: date) -> Conditions:
    columns = table_of(entity("issue")).c
    column, is_list = columns[str(criterion.column)], criterion.type is FieldType.LIST
    is_rich = criterion.type is FieldType.RICH_TEXT
    words = columns[f"{criterion.column}_text"] if is_rich else column
    length = columns[f"{criterion.column}_length"] if is_rich else func.char_length(column)
    is_absent = func.coalesce(func.cardinality(column), 0) == 0 if is_list else column.is_(None)
    has_words = is_rich or criterion.type in {FieldType.TEXT, FieldType.REFERENCE}
    moment = clock.now() - timedelta(days=criterion.limit)
    return {
        Operator.MISSING: lambda: is_absent,
        Operator.EMPTY: lambda: _is_blank(words) if has_words else is_absent,
        Operator.OLDER_THAN: lambda: column < (moment if criterion.type is FieldType.MOMENT else first_day),
        Operator.LENGTH_BELOW: lambda: func.coalesce(length, 0) < criterion.limit,
        Operator.NOT_IN_LIST: lambda: _is_unlisted(column, criterion),
    }


def _is_unlisted(column: ColumnElement[Any], criterion: Criterion) -> ColumnElement[bool]:
    if criterion.type is FieldType.LIST:
        return and_(func.cardinality(column) > 0, ~column.bool_op("&&")(cast(criterion.texts, ARRAY(Text))))
    if criterion.type is FieldType.NUMBER:
        return cast(column, Double).not_in(criterion.numbers)
    return column.not_in(criterion.texts)


def _of_custom_field(criterion: Criterion, first_day: date) -> Conditions:
    value = table_of(entity("issue")).c.custom[criterion.field]
    json_text, kind = cast(value, Text), func.jsonb_typeof(value)
    is_absent = or_(value.is_(None), json_text.in_(["null", '""', "[]"]))
    is_in_words = or_(kind == "string", and_(kind == "object", value["type"].astext == "doc"))
    day = func.substring(value.astext, _DAY)
    return {
        Operator.MISSING: lambda: is_absent,
        Operator.EMPTY: lambda: or_(is_absent, json_text == "{}", and_(is_in_words, _is_blank(_words(value)))),
        Operator.OLDER_THAN: lambda: and_(kind == "string", day.collate("C") < first_day.isoformat()),
        Operator.LENGTH_BELOW: lambda: func.char_length(func.coalesce(_words(value), "")) < criterion.limit,
        Operator.NOT_IN_LIST: lambda: and_(~is_absent, ~_is_listed(value, criterion)),
    }


def _is_blank(words: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(func.btrim(words, _BLANKS), "") == ""


def _words(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The text of a JSON value: of a document the texts of its nodes, which are its words without addresses and dates."""
    node = func.jsonb_path_query(value, cast("strict $.**.text", JSONPATH)).column_valued("node")
    texts = select(func.coalesce(func.string_agg(_as_text(node), ""), ""))
    is_document = func.jsonb_typeof(value) == "object"
    return case((is_document, texts.correlate(table_of(entity("issue"))).scalar_subquery()), else_=_as_text(value))


def _is_listed(value: ColumnElement[Any], criterion: Criterion) -> ColumnElement[bool]:
    """Condition: the value, or any element of a list, is among the criterion's."""
    part = func.jsonb_path_query(value, cast("lax $[*]", JSONPATH)).column_valued("part")
    names = [_as_text(part), *(part.op("->>")(member) for member in _PARTS)]
    is_equal = or_(*(name.in_(criterion.texts) for name in names))
    if criterion.numbers:
        number = case((func.jsonb_typeof(part) == "number", cast(_as_text(part), Numeric)))
        is_equal |= number.in_([Decimal(str(number)) for number in criterion.numbers])
    return select(part).where(is_equal).correlate(table_of(entity("issue"))).exists()


def _as_text(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A scalar of JSON without quotation marks."""
    return value.op("#>>", return_type=Text())(literal_column("'{}'"))
