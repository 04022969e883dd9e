"""Code outside `app.ingest` uses its wings through their front doors (docs/architecture.md)."""

from __future__ import annotations

import ast
import importlib
from typing import TYPE_CHECKING

from tests.architecture.source import ROOT, modules, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator

INGEST = "app.ingest"
WINGS = {path.parent.name for path in (ROOT / "app" / "ingest").glob("*/__init__.py")}


def exported(wing: str) -> set[str]:
    """The names that a wing offers."""
    return set(importlib.import_module(f"{INGEST}.{wing}").__all__)


def side_doors(tree: ast.Module) -> Iterator[str]:
    """Every use of ingest in a module that is neither a wing nor a name that a wing exports."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {alias.name}" for alias in node.names if is_ingest(alias.name))
        elif isinstance(node, ast.ImportFrom) and is_ingest(node.module or ""):
            wing = (node.module or "").removeprefix(INGEST).removeprefix(".")
            exports = exported(wing) if wing in WINGS else set()
            for alias in node.names:
                if not wing and alias.name in WINGS:
                    aliases[alias.asname or alias.name] = alias.name
                elif alias.name not in exports:
                    yield f"from {node.module} import {alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            wing = aliases[node.value.id]
            if node.attr not in exported(wing):
                yield f"{wing}.{node.attr}"


def is_ingest(name: str) -> bool:
    return name == INGEST or name.startswith(f"{INGEST}.")


def test_there_are_wings() -> None:
    assert {"planning", "writing", "backfill", "drift", "live", "proof", "status"} == WINGS


def test_every_export_is_there() -> None:
    for wing in WINGS:
        module = importlib.import_module(f"{INGEST}.{wing}")
        assert [name for name in module.__all__ if not hasattr(module, name)] == [], wing


def test_outsiders_use_front_doors() -> None:
    faults = {
        f"{path}: {use}"
        for path in modules("app", "workers", "bench")
        if path.parts[:2] != ("app", "ingest")
        for use in side_doors(tree_of(path))
    }
    assert faults == set()


def test_a_side_door_would_be_noticed() -> None:
    uses = (
        "import app.ingest.backfill\n"
        "from app.ingest.backfill import worker\n"
        "from app.ingest.backfill.worker import BackfillWorker\n"
        "from app.ingest import backfill as b\n"
        "from app.ingest.backfill import BackfillWorker\n"
        "b.BackfillWorker, b.walk.walk_chunk\n"
    )
    assert list(side_doors(ast.parse(uses))) == [
        "import app.ingest.backfill",
        "from app.ingest.backfill import worker",
        "from app.ingest.backfill.worker import BackfillWorker",
        "backfill.walk",
    ]
