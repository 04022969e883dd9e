"""Dependencies are declared, locked with hashes, complete, and free of known vulnerabilities. Works without a network."""

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
RUNTIME = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
DEV = [Requirement(line) for line in PYPROJECT["dependency-groups"]["dev"]]
REQUIREMENTS = {"requirements.lock": RUNTIME, "requirements-dev.lock": [*RUNTIME, *DEV]}
OWN_PACKAGES = {"app", "workers", "sandbox", "tests", "bench"}
ADVISORIES: dict[str, Any] = json.loads(Path(__file__).with_name("advisories.json").read_text(encoding="utf-8"))
_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+?)( ; (?P<marker>.+))?")


class Pin(NamedTuple):
    """A line of a lock."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]

    @property
    def is_for_us(self) -> bool:
        """Whether the marker matches the environment of this test."""
        return not self.marker or Marker(self.marker).evaluate()


@cache
def pins(lock: str) -> tuple[Pin, ...]:
    """The lines of a lock. Fails on any line but an exact version with hashes."""
    result = []
    text = (ROOT / lock).read_text(encoding="utf-8")
    plain = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in plain.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        version, *hashes = [part.strip() for part in line.split("--hash=")]
        match = _PIN.fullmatch(version)
        assert match is not None, f"{lock}: {version!r} is not an exact version"
        result.append(Pin(canonicalize_name(match["name"]), match["version"], match["marker"] or "", frozenset(hashes)))
    return tuple(result)


LOCKS = pytest.mark.parametrize("lock", REQUIREMENTS)


@LOCKS
def test_every_line_of_a_lock_has_hashes(lock: str) -> None:
    assert len(pins(lock)) > len(REQUIREMENTS[lock])
    weak = {
        pin.name
        for pin in pins(lock)
        if not pin.hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in pin.hashes)
    }
    assert weak == set()


@LOCKS
def test_a_lock_names_no_registry(lock: str) -> None:
    """The package index is the operator's choice."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host| @ |-e ", text) == []


@LOCKS
def test_a_lock_holds_what_is_named_in_a_version_that_is_wanted(lock: str) -> None:
    versions = {pin.name: Version(pin.version) for pin in pins(lock) if pin.is_for_us}
    wrong = [
        str(requirement)
        for requirement in REQUIREMENTS[lock]
        if canonicalize_name(requirement.name) not in versions
        or versions[canonicalize_name(requirement.name)] not in requirement.specifier
    ]
    assert wrong == [], "run `make lock`"


@LOCKS
def test_a_lock_holds_all_that_is_needed_and_nothing_else(lock: str) -> None:
    """Resolved through the metadata of the installed packages, extras and markers included."""
    versions = {pin.name: pin.version for pin in pins(lock) if pin.is_for_us}
    queue = [(canonicalize_name(requirement.name), frozenset(requirement.extras)) for requirement in REQUIREMENTS[lock]]
    done_keys: set[tuple[str, frozenset[str]]] = set()
    missing_names, other_versions = set(), set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in done_keys:
            continue
        done_keys.add((name, extras))
        if name not in versions:
            missing_names.add(name)
        elif _installed(name) != versions[name]:
            other_versions.add(name)
        else:
            queue += _needs(name, extras)
    assert missing_names == set(), "run `make lock`"
    if not other_versions:
        assert set(versions) - {name for name, _ in done_keys} == set(), "no package needs these"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _needs(name: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    requirements = [Requirement(line) for line in metadata.requires(name) or ()]
    return [
        (canonicalize_name(requirement.name), frozenset(requirement.extras))
        for requirement in requirements
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def test_tests_run_on_what_is_shipped() -> None:
    """The development lock contains every line of the runtime lock, hashes included."""
    assert set(pins("requirements.lock")) - set(pins("requirements-dev.lock")) == set()


@pytest.mark.parametrize(
    ("folders", "requirements"), [(("app", "workers", "sandbox"), RUNTIME), (("tests", "bench"), [*RUNTIME, *DEV])]
)
def test_every_import_is_of_a_package_that_is_named(folders: tuple[str, ...], requirements: list[Requirement]) -> None:
    """A transitive dependency may disappear with the package that brings it."""
    packages = metadata.packages_distributions()
    known_names = {canonicalize_name(requirement.name) for requirement in requirements}
    unknown_packages: dict[str, list[str]] = {}
    for path in modules(*folders):
        for top in _imports(path) - sys.stdlib_module_names - OWN_PACKAGES:
            distributions = {canonicalize_name(name) for name in packages.get(top, [top])}
            if not distributions & known_names:
                unknown_packages.setdefault("/".join(sorted(distributions)), []).append(str(path))
    assert unknown_packages == {}, "declare these in pyproject.toml"


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


# Advisories


def vulnerable(versions: dict[str, str]) -> list[str]:
    """Versions with an advisory in our list."""
    return [
        f"{advisory['package']} {versions[advisory['package']]}: {advisory['id']}"
        for advisory in ADVISORIES["advisories"]
        if advisory["package"] in versions
        and any(
            SpecifierSet(specifier).contains(versions[advisory["package"]], prereleases=True)
            for specifier in advisory["vulnerable"]
        )
    ]


@LOCKS
def test_no_locked_version_is_known_to_be_vulnerable(lock: str) -> None:
    assert vulnerable({pin.name: pin.version for pin in pins(lock)}) == []


def test_the_list_is_dated_readable_and_about_what_we_use() -> None:
    assert date.fromisoformat(ADVISORIES["date"])
    names = {pin.name for pin in pins("requirements-dev.lock")}
    for advisory in ADVISORIES["advisories"]:
        assert set(advisory) == {"package", "vulnerable", "id"}
        assert advisory["package"] in names, f"{advisory['package']} is not locked any more"
        assert re.fullmatch(r"CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+", advisory["id"])
        assert all(SpecifierSet(specifier) for specifier in advisory["vulnerable"])
    assert len({(advisory["package"], advisory["id"]) for advisory in ADVISORIES["advisories"]}) == len(
        ADVISORIES["advisories"]
    )


@pytest.mark.parametrize(
    ("versions", "finding"),
    [
        ({"pyjwt": "2.10.0"}, "pyjwt 2.10.0: CVE-2024-53861"),
        ({"flask": "3.1.0"}, "flask 3.1.0: CVE-2025-47278"),
        ({"werkzeug": "3.0.0"}, "werkzeug 3.0.0: CVE-2023-46136"),
        ({"pydantic": "2.0.0", "flask": "3.1.1"}, "pydantic 2.0.0: CVE-2024-3772"),
    ],
    ids=str,
)
def test_the_list_would_find_an_old_version(versions: dict[str, str], finding: str) -> None:
    assert finding in vulnerable(versions)


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
