"""The environment is read in one place, and every setting is in the README's table."""

from __future__ import annotations

import ast
import re

from app.config import Settings
from tests.architecture.source import ROOT, modules, tree_of

READERS = {"app/web/serve.py": "hands the whole environment on to the processes that it starts"}
"""Other files that touch the environment, each with its reason."""


def documented() -> set[str]:
    """Variables in the first cells of the README's tables, such as ``| `HOST`, `PORT` | web binds here | … |``."""
    rows = (line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("|"))
    return {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row.split("|")[1])}


def test_every_setting_is_in_the_readme() -> None:
    assert {name.upper() for name in Settings.model_fields} - documented() == set()


def test_the_readme_names_no_setting_that_is_none() -> None:
    assert documented() - {name.upper() for name in Settings.model_fields} == set()


def test_the_environment_is_read_in_one_place() -> None:
    files = set()
    for path in modules("app", "workers"):
        for node in ast.walk(tree_of(path)):
            is_read = isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"}
            is_read &= isinstance(getattr(node, "value", None), ast.Name) and node.value.id == "os"  # type: ignore[attr-defined]
            is_import = isinstance(node, ast.ImportFrom) and node.module == "os"
            is_import = is_import and any(alias.name in {"environ", "getenv"} for alias in node.names)  # type: ignore[attr-defined]
            if is_read or is_import:
                files.add(str(path))
    assert files - {"app/config.py"} == set(READERS)


def test_those_who_hand_the_environment_on_hand_it_on_whole() -> None:
    for name in READERS:
        source = (ROOT / name).read_text(encoding="utf-8")
        assert source.count("os.environ") == source.count("**os.environ,")
