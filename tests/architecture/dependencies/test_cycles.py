"""No module imports itself through others, and no folder holds more than can be taken in at a glance.

Every import statement counts, at any depth of a function and below `TYPE_CHECKING` too. A package is the
module of its `__init__`: it imports its re-exports, so a submodule that imports from its own package's front door
closes a cycle, and two packages that use each other's front doors do as well. Python runs a package before its
submodules; an import of `package.module` from outside the package therefore counts as an import of the package too.
From inside it does not: there the package is running already, and the submodule needs nothing of it.
"""

from __future__ import annotations

from collections import Counter

import grimp
import pytest

from tests.architecture.source import modules

PACKAGES = ("app", "workers", "sandbox", "bench")
MOST_MODULES = 15
LISTS = {"app/catalog/entities": "one file an entity"}
"""Folders that may hold more, each with its reason."""


def build_graph(*packages: str) -> grimp.ImportGraph:
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)
    for importer in graph.modules:
        for target in graph.find_modules_directly_imported_by(importer):
            for package in parents(target):
                if package in graph.modules and package != importer and not importer.startswith(f"{package}."):
                    graph.add_import(importer=importer, imported=package)
    return graph


def parents(module: str) -> list[str]:
    """The packages around a module, the nearest first."""
    steps = module.split(".")
    return [".".join(steps[:length]) for length in range(len(steps) - 1, 0, -1)]


def cycles(graph: grimp.ImportGraph) -> set[tuple[str, ...]]:
    """For every module in a cycle one of the shortest ways back to it, from its first module by name."""
    chains = set()
    for module in graph.modules:
        for target in graph.find_modules_directly_imported_by(module):
            chain = graph.find_shortest_chain(importer=target, imported=module)
            if chain is not None:
                start = chain.index(min(chain))
                chains.add((*chain[start:], *chain[:start]))
    return chains


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return build_graph(*PACKAGES)


def test_no_module_imports_itself_through_others(graph: grimp.ImportGraph) -> None:
    assert cycles(graph) == set()


def test_imports_for_types_and_of_packages_are_seen(graph: grimp.ImportGraph) -> None:
    """Guards the graph: without these a cycle would go unnoticed."""
    assert graph.direct_import_exists(importer="app.web.guard", imported="app.runtime")
    assert graph.direct_import_exists(importer="workers.pool", imported="app")


def test_a_cycle_would_be_noticed() -> None:
    ring = grimp.ImportGraph()
    for importer, target in (("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e")):
        for name in (importer, target):
            ring.add_module(name)
        ring.add_import(importer=importer, imported=target)
    assert cycles(ring) == {("a", "b", "c")}


def test_no_folder_holds_more_than_can_be_taken_in() -> None:
    module_counts = Counter(str(path.parent) for path in modules(*PACKAGES, "tests"))
    assert {
        folder: count for folder, count in module_counts.items() if count > MOST_MODULES and folder not in LISTS
    } == {}, "split these"
    assert {folder for folder in LISTS if module_counts[folder] <= MOST_MODULES} == set(), (
        "these need no excuse any more"
    )
