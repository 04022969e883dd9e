"""The syntax tree of a query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Operand:
    """A literal; `is_empty` stands for EMPTY and NULL."""

    text: str
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """`field operator operands`. Only `in` and `not in` have several operands."""

    field: str
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A bare word; Jira treats it as a text search."""

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
    is_descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query; unbounded without a `condition`."""

    condition: Node | None
    order: tuple[Order, ...] = field(default=())

    def top_level(self) -> Iterator[Clause]:
        """Yield the clauses that every result must satisfy."""
        parts = self.condition.parts if isinstance(self.condition, All) else (self.condition,)
        return (part for part in parts if isinstance(part, Clause))

    def issue_operands(self) -> Iterator[str]:
        """Yield every issue id and key among the operands."""
        pending_nodes: list[Node | None] = [self.condition]
        while pending_nodes:
            node = pending_nodes.pop()
            if isinstance(node, All | Any):
                pending_nodes.extend(node.parts)
            elif isinstance(node, Not):
                pending_nodes.append(node.part)
            elif isinstance(node, Clause) and node.field == "issuekey" and node.operator in {"=", "!=", "in", "not in"}:
                yield from (operand.text for operand in node.operands if not operand.is_empty)
