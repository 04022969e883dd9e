"""Jira's REST paths stand where Jira is spoken to: in the sources, at the doors, and in the limiter's one table."""

from __future__ import annotations

from tests.architecture.source import ROOT

PLACES = ("app/sources/", "app/doors/", "app/jira/endpoints.py")
BINARY_SUFFIXES = {".pyc", ".mo"}


def test_no_rest_path_stands_elsewhere() -> None:
    files = [path for path in (ROOT / "app").rglob("*") if path.is_file() and path.suffix not in BINARY_SUFFIXES]
    names = {
        str(path.relative_to(ROOT)) for path in files if "/rest/" in path.read_text(encoding="utf-8", errors="replace")
    }
    assert {name for name in names if not name.startswith(PLACES)} == set()
    assert {place for place in PLACES if not any(name.startswith(place) for name in names)} == set()
