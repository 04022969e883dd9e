"""What we depend on is named, locked with hashes, complete, and not known to be vulnerable. No network is asked."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from datetime import date
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.dependencies import audit
from tests.architecture.source import ROOT, modules, tree_of

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = [Requirement(each) for each in PYPROJECT["project"]["dependencies"]]
DEV = [Requirement(each) for each in PYPROJECT["dependency-groups"]["dev"]]
NAMED = {"requirements.lock": RUNTIME, "requirements-dev.lock": [*RUNTIME, *DEV]}
OURS = {"app", "workers", "sandbox", "tests", "bench"}
ADVISORIES: dict[str, Any] = json.loads(Path(__file__).with_name("advisories.json").read_text(encoding="utf-8"))
_PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+?)( ; (?P<marker>.+))?")


class Pin(NamedTuple):
    """A line of a lock."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]

    @property
    def is_for_us(self) -> bool:
        """Whether it is installed where this test runs."""
        return not self.marker or Marker(self.marker).evaluate()


@cache
def pins(lock: str) -> tuple[Pin, ...]:
    """The lines of a lock. Fails on whatever is not an exact version with hashes."""
    found = []
    text = (ROOT / lock).read_text(encoding="utf-8")
    plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in plain.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        pinned, *hashes = [part.strip() for part in line.split("--hash=")]
        match = _PINNED.fullmatch(pinned)
        assert match is not None, f"{lock}: {pinned!r} is not an exact version"
        found.append(Pin(canonicalize_name(match["name"]), match["version"], match["marker"] or "", frozenset(hashes)))
    return tuple(found)


LOCKS = pytest.mark.parametrize("lock", NAMED)


@LOCKS
def test_every_line_of_a_lock_has_hashes(lock: str) -> None:
    assert len(pins(lock)) > len(NAMED[lock])
    weak = {
        pin.name
        for pin in pins(lock)
        if not pin.hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in pin.hashes)
    }
    assert weak == set()


@LOCKS
def test_a_lock_names_no_registry(lock: str) -> None:
    """Where packages come from is the operator's choice; an address of ours would leave this machine."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host| @ |-e ", text) == []


@LOCKS
def test_a_lock_holds_what_is_named_in_a_version_that_is_wanted(lock: str) -> None:
    held = {pin.name: Version(pin.version) for pin in pins(lock) if pin.is_for_us}
    wrong = [
        str(wanted)
        for wanted in NAMED[lock]
        if canonicalize_name(wanted.name) not in held or held[canonicalize_name(wanted.name)] not in wanted.specifier
    ]
    assert wrong == [], "run `make lock`"


@LOCKS
def test_a_lock_holds_all_that_is_needed_and_nothing_else(lock: str) -> None:
    """Followed through the metadata of what is installed here, extras and markers included."""
    held = {pin.name: pin.version for pin in pins(lock) if pin.is_for_us}
    waiting = [(canonicalize_name(each.name), frozenset(each.extras)) for each in NAMED[lock]]
    seen: set[tuple[str, frozenset[str]]] = set()
    missing, other_versions = set(), set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in held:
            missing.add(name)
        elif _installed(name) != held[name]:
            other_versions.add(name)
        else:
            waiting += _needs(name, extras)
    assert missing == set(), "run `make lock`"
    if not other_versions:
        assert set(held) - {name for name, _ in seen} == set(), "nobody needs these"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _needs(name: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    wanted = [Requirement(each) for each in metadata.requires(name) or ()]
    return [
        (canonicalize_name(each.name), frozenset(each.extras))
        for each in wanted
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def test_tests_run_on_what_is_shipped() -> None:
    """The runtime's lock is part of the other, line by line, hashes included."""
    assert set(pins("requirements.lock")) - set(pins("requirements-dev.lock")) == set()


@pytest.mark.parametrize(
    ("folders", "named"), [(("app", "workers", "sandbox"), RUNTIME), (("tests", "bench"), [*RUNTIME, *DEV])]
)
def test_every_import_is_of_a_package_that_is_named(folders: tuple[str, ...], named: list[Requirement]) -> None:
    """What comes along with another package may leave with it."""
    packages = metadata.packages_distributions()
    known = {canonicalize_name(each.name) for each in named}
    unnamed: dict[str, list[str]] = {}
    for path in modules(*folders):
        for top in _imports(path) - sys.stdlib_module_names - OURS:
            distributions = {canonicalize_name(each) for each in packages.get(top, [top])}
            if not distributions & known:
                unnamed.setdefault("/".join(sorted(distributions)), []).append(str(path))
    assert unnamed == {}, "name these in pyproject.toml"


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


# Advisories


def vulnerable(held: dict[str, str]) -> list[str]:
    """Which of some versions have a published advisory in our list."""
    return [
        f"{each['package']} {held[each['package']]}: {each['id']}"
        for each in ADVISORIES["advisories"]
        if each["package"] in held
        and any(SpecifierSet(some).contains(held[each["package"]], prereleases=True) for some in each["vulnerable"])
    ]


@LOCKS
def test_no_locked_version_is_known_to_be_vulnerable(lock: str) -> None:
    assert vulnerable({pin.name: pin.version for pin in pins(lock)}) == []


def test_the_list_is_dated_readable_and_about_what_we_use() -> None:
    assert date.fromisoformat(ADVISORIES["date"])
    held = {pin.name for pin in pins("requirements-dev.lock")}
    for each in ADVISORIES["advisories"]:
        assert set(each) == {"package", "vulnerable", "id"}
        assert each["package"] in held, f"{each['package']} is not locked any more"
        assert re.fullmatch(r"CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+", each["id"])
        assert all(SpecifierSet(some) for some in each["vulnerable"])
    assert len({(each["package"], each["id"]) for each in ADVISORIES["advisories"]}) == len(ADVISORIES["advisories"])


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ({"pyjwt": "2.10.0"}, "pyjwt 2.10.0: CVE-2024-53861"),
        ({"flask": "3.1.0"}, "flask 3.1.0: CVE-2025-47278"),
        ({"werkzeug": "3.0.0"}, "werkzeug 3.0.0: CVE-2023-46136"),
        ({"pydantic": "2.0.0", "flask": "3.1.1"}, "pydantic 2.0.0: CVE-2024-3772"),
    ],
    ids=str,
)
def test_the_list_would_find_an_old_version(held: dict[str, str], found: str) -> None:
    assert found in vulnerable(held)


def test_the_list_does_not_find_a_fixed_version() -> None:
    assert vulnerable({"flask": "3.1.1", "redis": "4.5.4", "urllib3": "2.6.3"}) == []


# `make audit`


def test_an_audit_tells_what_the_databases_know() -> None:
    answer = {
        "dependencies": [
            {
                "name": "flask",
                "version": "3.1.0",
                "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3.1.1"]}],
            },
            {"name": "rich", "version": "15.0.0", "vulns": []},
        ]
    }
    assert audit.findings(json.dumps(answer)) == ["flask 3.1.0: PYSEC-1 (CVE-1), fixed in 3.1.1"]


@pytest.mark.parametrize("output", ["", "error: no network", "[]", "{}"])
def test_an_audit_without_an_answer_is_no_clean_bill(output: str) -> None:
    assert audit.findings(output) is None
