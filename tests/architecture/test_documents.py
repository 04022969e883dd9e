"""The documents refer to existing files, headings, modules and names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.architecture.source import ROOT, modules

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]
GENERATED_PATHS = {"bench/results.json"}
CODE_FOLDERS = ("app", "bench", "sandbox", "tests", "workers")
PACKAGES = {
    folder.name for root in CODE_FOLDERS for folder in [ROOT / root, *(ROOT / root).rglob("*")] if folder.is_dir()
}
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:app|bench|docs|sandbox|tests|workers)/[\w./-]*)`")
_DOTTED_NAME = re.compile(r"`([a-z_]+(?:\.\w+)+)`")


def dotted_names() -> dict[str, Path]:
    """Every module by each tail of its dotted name: `app.store.claims`, `store.claims`."""
    places = {}
    for path in modules(*CODE_FOLDERS):
        parts = (path.parent if path.stem == "__init__" else path.with_suffix("")).parts
        places |= {".".join(parts[start:]): path for start in range(len(parts))}
    return places


MODULES = dotted_names()
"""Files by dotted name."""


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def anchors_of(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or a name that occurs in one."""
    module, _, attribute = name.rpartition(".")
    if name in MODULES:
        return True
    return module in MODULES and bool(
        re.search(rf"\b{attribute}\b", (ROOT / MODULES[module]).read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_to_a_file_and_a_heading(document: str) -> None:
    broken_links = []
    for link in _LINK.findall(text_of(document)):
        target, _, anchor = link.partition("#")
        path = (ROOT / document).parent / target if target else ROOT / document
        is_broken = not path.exists() or (anchor and anchor not in anchors_of(path))
        if is_broken and not link.startswith("https://"):
            broken_links.append(link)
    assert broken_links == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_path_is_there(document: str) -> None:
    paths = set(_PATH.findall(text_of(document))) - GENERATED_PATHS
    assert {path for path in paths if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_module_is_there(document: str) -> None:
    names = _DOTTED_NAME.findall(_FENCE.sub("", text_of(document)))
    missing_names = [
        name
        for name in names
        if name.partition(".")[0] in PACKAGES and name.rpartition(".")[2] not in {"js", "md", "py"} and not exists(name)
    ]
    assert missing_names == []
