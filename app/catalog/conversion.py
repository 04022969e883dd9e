"""Converts single values of Jira's JSON to the kinds of columns.

A value of another kind raises: a wrong value in a row would look like a right one, so `extract` leaves it out and notes it.
"""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from app.catalog.json_value import NotAnObjectError, id_text
from app.catalog.language import Kind
from app.conditions import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.json_value import Json

_EPOCH_MS_FROM = 100_000_000_000
"""Numbers from here on are epoch milliseconds, smaller ones are seconds: Jira documents both for one field."""
_INT_LIMIT = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR = 1000
"""Earlier years are slips of the keyboard or defaults of other programs. The last year is 9999, Python's own limit."""
_DAY_LENGTH = len("2025-03-09")
_NUL = rb"\u0000"
_MOST_BITS = 14_000
"""Larger whole numbers have more digits than Python writes."""
_LEVELS = 200
"""Limit of nesting in a JSON column (orjson writes 254 levels); deeper values are null, with words in the text column."""

FAULTS = (TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""Errors of a value of another kind than its column's."""


class RangeFault(ValueError):
    """A number or a time beyond the column's range."""


def clean(text: str) -> str:
    """Text without U+0000 and lone surrogates; PostgreSQL refuses both."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def to_json(value: object) -> str:
    """Serialise to JSON for PostgreSQL. Nearly all output of orjson is fine: it lacks U+0000."""
    try:
        octets = orjson.dumps(value)
    except (TypeError, ValueError):
        octets = orjson.dumps(_clean_json(value))
    return (orjson.dumps(_clean_json(value)) if _NUL in octets else octets).decode()


def digest_of(value: object) -> str:
    """SHA-256 of a value that is left out, in hexadecimal; of its JSON, for JSON. Never raises."""
    try:
        octets = orjson.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        octets = orjson.dumps(_clean_json(value), default=_type_name)
    return hashlib.sha256(octets).hexdigest()


def _type_name(value: object) -> str:
    return type(value).__name__


def _clean_json(value: Any, levels: int = _LEVELS) -> Any:  # noqa: ANN401 - JSON
    """JSON for PostgreSQL: strings cleaned; NaN, infinities and too deep values become None.

    Whole numbers beyond 64 bits, which orjson refuses to write, become floats, as in orjson's parser, and text where no
    float is as large.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict | list | tuple) and levels == 0:
        return None
    if isinstance(value, dict):
        return {clean(str(key)): _clean_json(child, levels - 1) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_json(child, levels - 1) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _storable_integer(value) if isinstance(value, int) and abs(value) >= _INT_LIMIT else value


def _storable_integer(value: int) -> float | str | None:
    """A whole number beyond 64 bits in a form that orjson writes."""
    try:
        return float(value)
    except OverflowError:
        return str(value) if value.bit_length() <= _MOST_BITS else None


def to_moment(value: Json) -> datetime:
    """Parse ISO text with any offset, epoch seconds or epoch milliseconds into a moment in UTC. Raises ValueError."""
    try:
        moment = _moment(value)
    except OverflowError as error:
        raise RangeFault from error
    if moment.year < _FIRST_YEAR:
        raise RangeFault
    return moment


def _moment(value: Json) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        unit = "milliseconds" if abs(value) >= _EPOCH_MS_FROM else "seconds"
        return _EPOCH + timedelta(**{unit: value})
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _to_text(value: Json) -> str:
    if type(value) is str:
        return clean(value)
    text = id_text(value)
    if text is None:
        raise TypeError
    return text


def _to_texts(value: Json) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    return [_to_text(part) for part in value if part is not None]


def _to_integer(value: Json) -> int:
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, str | float):
            raise TypeError
        value = _whole(value)
    if abs(value) >= _INT_LIMIT:
        raise RangeFault
    return value


def _whole(value: str | float) -> int:
    """The whole number of a text or a float. Raises ValueError or OverflowError."""
    number = float(value)
    if not number.is_integer():
        raise ValueError
    return int(value) if isinstance(value, str) and value.isdecimal() else int(number)


def _to_number(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise RangeFault
    return number


_TRUTHS: dict[str | int, bool] = {"true": True, "false": False, 1: True, 0: False}


def _to_boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | int):
        raise TypeError
    truth = _TRUTHS.get(value.lower() if isinstance(value, str) else value)
    if truth is None:
        raise ValueError
    return truth


def _to_date(value: Json) -> date:
    """The calendar day of a day or a moment, as it is written there."""
    if not isinstance(value, str):
        raise TypeError
    day = date.fromisoformat(value) if len(value) <= _DAY_LENGTH else datetime.fromisoformat(value).date()
    if day.year < _FIRST_YEAR:
        raise RangeFault
    return day


CONVERTERS: dict[Kind, Callable[[Json], object]] = {
    Kind.TEXT: _to_text,
    Kind.TEXTS: _to_texts,
    Kind.INTEGER: _to_integer,
    Kind.NUMBER: _to_number,
    Kind.BOOLEAN: _to_boolean,
    Kind.MOMENT: to_moment,
    Kind.DATE: _to_date,
    Kind.JSON: to_json,
}
_CODES: dict[Kind, Code] = {
    Kind.TEXT: Code.VALUE_NOT_TEXT,
    Kind.TEXTS: Code.VALUE_NOT_TEXTS,
    Kind.INTEGER: Code.VALUE_NOT_INTEGER,
    Kind.NUMBER: Code.VALUE_NOT_NUMBER,
    Kind.BOOLEAN: Code.VALUE_NOT_BOOLEAN,
    Kind.MOMENT: Code.VALUE_NOT_MOMENT,
    Kind.DATE: Code.VALUE_NOT_DATE,
    Kind.JSON: Code.VALUE_NOT_JSON,
}


def code_of(kind: Kind, error: Exception) -> Code:
    """The code of a value that couldn't become a column's. The error's own message may quote the value."""
    if isinstance(error, NotAnObjectError):
        return Code.VALUE_NOT_IN_OBJECT
    return Code.VALUE_OUT_OF_RANGE if isinstance(error, RangeFault | OverflowError) else _CODES[kind]
