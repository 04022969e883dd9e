"""Access to the project's source for the rules."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


def modules(*folders: str) -> Iterator[Path]:
    """Every module below some folders, relative to the root, without generated migrations."""
    for folder in folders:
        paths = sorted((ROOT / folder).rglob("*.py"))
        assert paths, f"nothing below {folder}"
        yield from (path.relative_to(ROOT) for path in paths if "versions" not in path.parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """A module's syntax."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Name and line of every call in a module: `b` of `a.b()`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr, node.lineno
            elif isinstance(node.func, ast.Name):
                yield node.func.id, node.lineno
