"""One condition, as it is raised, stored and logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from app.conditions.codes import Code

Value: TypeAlias = "str | int | Condition | Mapping[str, int]"
"""Of a parameter: text, a number, the condition behind this one, or numbers by name."""
_LARGEST = 2**63 - 1
_LONGEST = 2000
"""Characters of a text parameter; some quote a site's answer."""


@dataclass(frozen=True, init=False)
class Condition:
    """A code and a value for each of its parameters. Raises ValueError for other parameters."""

    code: Code
    params: Mapping[str, Value]

    def __init__(self, code: Code, /, **params: Value) -> None:
        if params.keys() != code.params:
            raise ValueError(f"{code.value} takes {sorted(code.params)}, not {sorted(params)}")
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "params", {name: _storable(value) for name, value in params.items()})

    def __str__(self) -> str:
        """The form for logs: `no_answer(error=ConnectTimeout)`."""
        values = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.code.value}({values})" if values else self.code.value

    def to_json(self) -> str:
        """The form for a column: one object, with the code beside the parameters."""
        return orjson.dumps(_plain(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Condition:
        """A stored condition; `OTHER` with the text itself, if that holds no code with its parameters."""
        try:
            return _condition(orjson.loads(text))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            return cls(Code.OTHER, text=text)


def _storable(value: object) -> Value:
    """A value that JSON and PostgreSQL can hold, and of bounded length; some come from a site's answer as they are."""
    if isinstance(value, Condition):
        return value
    if isinstance(value, int):
        return _bounded(value)
    if isinstance(value, Mapping) and all(isinstance(count, int) for count in value.values()):
        return {_clean(str(name)): _bounded(count) for name, count in value.items()}
    return _clean(value if isinstance(value, str) else _text_of(value))


def _bounded(number: int) -> int:
    return max(-_LARGEST, min(number, _LARGEST))


def _text_of(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - the object's own code, numbers too long to write, nesting too deep
        return f"[{type(value).__name__}]"


def _clean(text: str) -> str:
    """Text without U+0000 and lone surrogates."""
    return text[:_LONGEST].replace("\x00", "").encode("utf-8", "replace").decode()


def _plain(value: Value) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Condition):
        return {"code": value.code.value, **{name: _plain(inner) for name, inner in value.params.items()}}
    return dict(value) if isinstance(value, Mapping) else value


def _is_cause(value: object) -> bool:
    """Whether a parameter is a condition; numbers by name may count something of the name "code"."""
    return isinstance(value, dict) and isinstance(value.get("code"), str)


def _condition(document: Any) -> Condition:  # noqa: ANN401 - JSON
    """The condition of a document. Raises KeyError, TypeError or ValueError."""
    params = {name: value for name, value in dict(document).items() if name != "code"}
    causes = {name: _condition(value) for name, value in params.items() if _is_cause(value)}
    return Condition(Code(document["code"]), **{**params, **causes})
