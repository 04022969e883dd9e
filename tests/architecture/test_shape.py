"""Files and functions that are read in one sitting, and modules that say what they are (CONTRIBUTING.md, "Taste")."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import ROOT, modules, tree_of

FOLDERS = ("app", "workers", "sandbox")
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
"""Lines of its own; functions inside are counted by themselves."""
LONG_FUNCTIONS = {
    "app/ingest/proof/lost_jobs.py:find_due": "one SQL statement",
    "app/web/__init__.py:create_app": "the list of everything the web application is made of",
    "sandbox/demo.py:_app": "the environment and processes of the demo, side by side",
    "sandbox/datasets/recorded_cloud.py:_catalogue": "a table",
    "sandbox/datasets/seeding/build.py:_draw": "the order in which a made-up site's random choices are drawn",
}
"""Longer ones, each with its excuse."""
SAYS_NOTHING = {
    *("utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers", "service", "services"),
    *("core", "lib", "shared", "stuff"),
}


def test_no_file_is_longer_than_a_sitting() -> None:
    lengths = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules(*FOLDERS)}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen_without_an_excuse() -> None:
    found = {}
    for path in modules(*FOLDERS):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = _own_lines(node)
                if length > LONGEST_FUNCTION:
                    found[f"{path}:{node.name}"] = length
    assert {name: length for name, length in found.items() if name not in LONG_FUNCTIONS} == {}, "split these"
    assert set(LONG_FUNCTIONS) - set(found) == set(), "these need no excuse any more"


def test_a_document_that_is_cited_is_there() -> None:
    """A reader of this repository has no other."""
    missing = {
        (str(path), name)
        for path in modules(*FOLDERS, "bench", "tests")
        for name in re.findall(r"[\w./-]*[\w-]\.md\b", (ROOT / path).read_text(encoding="utf-8"))
        if not ((ROOT / name).is_file() or (ROOT / "docs" / name).is_file())
    }
    assert missing == set()


def _own_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    inner = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return _lines(node) - sum(_lines(each) for each in inner)


def _lines(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_no_module_has_a_name_that_says_nothing() -> None:
    words = {
        str(path): {part for step in (*path.parent.parts, path.stem) for part in step.strip("_").split("_")}
        for path in modules(*FOLDERS)
    }
    assert {path for path, found in words.items() if found & SAYS_NOTHING} == set()


def test_every_folder_of_modules_is_a_package_that_says_what_it_holds() -> None:
    for path in modules("app", "workers"):
        package = (ROOT / path).parent / "__init__.py"
        assert package.exists(), f"{path} lies in no package"
        assert ast.get_docstring(tree_of(package.relative_to(ROOT))), f"{package} does not say what it holds"


def test_the_app_never_imports_the_sandbox_or_the_tests() -> None:
    found = set()
    for path in modules("app", "workers"):
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {f"{path}: {name}" for name in names if name.split(".")[0] in {"sandbox", "tests", "bench"}}
    assert found == set()


def test_the_sandbox_imports_nothing_of_the_app() -> None:
    found = set()
    for path in modules("sandbox"):
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {f"{path}: {name}" for name in names if name.split(".")[0] in {"app", "workers", "tests"}}
    assert found == set()
