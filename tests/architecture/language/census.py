"""Counts the names that a module binds and the words of its docstrings."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.architecture.language.vocabulary import CLAUSES, names_a_thing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMPLICIT = frozenset({"self", "cls", "_", "__"})
ENUMERATIONS = frozenset({"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag"})


@dataclass
class Census:
    """Names and prose of some modules."""

    bindings: int = 0
    poor_names: list[tuple[str, str]] = field(default_factory=list)
    """Name and place, `path:line`."""
    words: int = 0
    clauses: list[tuple[str, str]] = field(default_factory=list)

    @property
    def name_share(self) -> float:
        """Poor names in a hundred."""
        return 100 * len(self.poor_names) / max(self.bindings, 1)

    @property
    def clause_rate(self) -> float:
        """Clauses in a thousand words of docstrings."""
        return 1000 * len(self.clauses) / max(self.words, 1)

    def add(self, path: Path, tree: ast.Module) -> None:
        """Count one module."""
        for name, line in bindings(tree):
            self.bindings += 1
            if not names_a_thing(name):
                self.poor_names.append((name, f"{path}:{line}"))
        for text, line in docstrings(tree):
            self.words += len(text.split())
            self.clauses += [
                (" ".join(match.group().lower().split()), f"{path}:{line}") for match in CLAUSES.finditer(text)
            ]


def bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names and lines of everything that code names, functions and classes aside.

    Parameters; targets of assignments, loops, comprehensions, `with` and `:=`; aliases of `except` and `import`; captures
    of patterns; fields of classes; attributes of `self`. Every binding counts, rebinding included. Three kinds are the
    language's own: `self`, `__all__` and the like; the `other` of an operator; members of an enumeration, which are values.
    """
    exempt = {id(node) for node in _exempt(tree)}
    for node in ast.walk(tree):
        name = _bound_name(node)
        if name and name not in IMPLICIT and not name.startswith("__") and id(node) not in exempt:
            yield name, getattr(node, "lineno", 1)


def _exempt(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("__"):
            yield from (parameter for parameter in node.args.args if parameter.arg == "other")
        elif isinstance(node, ast.ClassDef) and any(
            ast.unparse(parent).split(".")[-1] in ENUMERATIONS for parent in node.bases
        ):
            yield from (target for member in node.body if isinstance(member, ast.Assign) for target in member.targets)


def _bound_name(node: ast.AST) -> str | None:
    match node:
        case ast.alias(name=original, asname=name) if name == original:
            return None
        case (
            ast.arg(arg=name)
            | ast.Name(id=name, ctx=ast.Store())
            | ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store())
            | ast.alias(asname=name)
            | ast.ExceptHandler(name=name)
            | ast.MatchAs(name=name)
            | ast.MatchStar(name=name)
            | ast.MatchMapping(rest=name)
        ):
            return name
        case _:
            return None


def docstrings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Texts and lines of the docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for before, statement in zip([None, *node.body], node.body, strict=False):
                match before, statement:
                    case (None | ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(text)))):
                        yield text, statement.lineno
