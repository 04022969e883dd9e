"""What a parsed query is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Operand:
    """A literal; `quoted` matters for dates, `is_empty` for EMPTY and NULL."""

    text: str
    quoted: bool = False
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """`field operator operands`; `in` and `not in` have several operands, all others one."""

    field: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A bare word: Jira takes it for a text search."""

    word: str


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    part: Node


@dataclass(frozen=True, slots=True)
class All:
    """Conjunction."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Disjunction."""

    parts: tuple[Node, ...]


Node = Clause | Text | Not | All | Any


@dataclass(frozen=True, slots=True)
class Order:
    """One field of ORDER BY."""

    field: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query; without `where` it is unbounded."""

    where: Node | None
    order: tuple[Order, ...] = field(default=())

    def top_level(self) -> Iterator[Clause]:
        """Yield the clauses that every result must satisfy."""
        parts = self.where.parts if isinstance(self.where, All) else (self.where,)
        return (part for part in parts if isinstance(part, Clause))

    def issues_named(self) -> Iterator[str]:
        """Yield every issue id and key that the query names as a value, wherever it stands."""
        waiting: list[Node | None] = [self.where]
        while waiting:
            node = waiting.pop()
            if isinstance(node, All | Any):
                waiting.extend(node.parts)
            elif isinstance(node, Not):
                waiting.append(node.part)
            elif isinstance(node, Clause) and node.field == "issuekey" and node.operator in {"=", "!=", "in", "not in"}:
                yield from (operand.text for operand in node.operands if not operand.is_empty)
