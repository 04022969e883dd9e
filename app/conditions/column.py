"""The column type of a condition: JSON in text, shared by processes of two versions during a deployment.

A sentence that an older version has written is read as `Code.OTHER`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator

from app.conditions import Condition

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine


class ConditionJson(TypeDecorator[Condition]):
    """`Condition` in Python, its JSON in PostgreSQL."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True
    python_type = Condition

    def process_bind_param(self, value: Condition | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The condition as it is stored."""
        return None if value is None else value.to_json()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Condition | None:  # noqa: ARG002 - likewise
        """The stored condition."""
        return None if value is None else Condition.from_json(value)
