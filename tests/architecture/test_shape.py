"""Files and functions have a readable length, and modules have meaningful names (CONTRIBUTING.md, "Taste")."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import ROOT, modules, tree_of

FOLDERS = ("app", "workers", "sandbox")
LONGEST_FILE = 300
LONG_FILES = {"app/conditions/codes.py": "one enumeration, which Python can't spread over files"}
"""Longer files, each with its excuse."""
LONGEST_FUNCTION = 40
"""Own lines, without nested functions."""
LONG_FUNCTIONS = {
    "app/ingest/proof/lost_jobs.py:find_due": "one SQL statement",
    "app/web/__init__.py:create_app": "the list of everything the web application is made of",
    "sandbox/demo/product.py:running_app": "the environment and processes of the demo, side by side",
    "sandbox/datasets/recorded_cloud.py:_catalogue": "a table",
    "sandbox/datasets/seeding/build.py:_draw": "the order in which a made-up site's random choices are drawn",
}
"""Longer functions, each with its excuse."""
EMPTY_WORDS = {
    *("utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers", "service", "services"),
    *("core", "lib", "shared", "stuff"),
}


def test_no_file_is_longer_than_a_sitting() -> None:
    lengths = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules(*FOLDERS)}
    long_files = {path: length for path, length in lengths.items() if length > LONGEST_FILE}
    assert {path: length for path, length in long_files.items() if path not in LONG_FILES} == {}
    assert set(LONG_FILES) - set(long_files) == set(), "these need no excuse any more"


def test_no_function_is_longer_than_a_screen_without_an_excuse() -> None:
    lengths = {}
    for path in modules(*FOLDERS):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = _own_lines(node)
                if length > LONGEST_FUNCTION:
                    lengths[f"{path}:{node.name}"] = length
    assert {name: length for name, length in lengths.items() if name not in LONG_FUNCTIONS} == {}, "split these"
    assert set(LONG_FUNCTIONS) - set(lengths) == set(), "these need no excuse any more"


def test_a_document_that_is_cited_is_there() -> None:
    """Readers have no other documents than those of this repository."""
    missing_documents = {
        (str(path), name)
        for path in modules(*FOLDERS, "bench", "tests")
        for name in re.findall(r"[\w./-]*[\w-]\.md\b", (ROOT / path).read_text(encoding="utf-8"))
        if not ((ROOT / name).is_file() or (ROOT / "docs" / name).is_file())
    }
    assert missing_documents == set()


def _own_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    inner = [statement for statement in node.body if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)]
    return _lines(node) - sum(_lines(function) for function in inner)


def _lines(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_no_module_has_a_name_that_says_nothing() -> None:
    words = {
        str(path): {part for step in (*path.parent.parts, path.stem) for part in step.strip("_").split("_")}
        for path in modules(*FOLDERS)
    }
    assert {path for path, parts in words.items() if parts & EMPTY_WORDS} == set()


def test_every_folder_of_modules_is_a_package_that_says_what_it_holds() -> None:
    for path in modules("app", "workers"):
        package = (ROOT / path).parent / "__init__.py"
        assert package.exists(), f"{path} is in no package"
        assert ast.get_docstring(tree_of(package.relative_to(ROOT))), f"{package} has no docstring"


def test_the_app_never_imports_the_sandbox_or_the_tests() -> None:
    imports = set()
    for path in modules("app", "workers"):
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imports |= {f"{path}: {name}" for name in names if name.split(".")[0] in {"sandbox", "tests", "bench"}}
    assert imports == set()


def test_the_sandbox_imports_nothing_of_the_app() -> None:
    imports = set()
    for path in modules("sandbox"):
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imports |= {f"{path}: {name}" for name in names if name.split(".")[0] in {"app", "workers", "tests"}}
    assert imports == set()
