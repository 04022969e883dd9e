"""Nothing but the console redirects: a token in a page's address must not travel on."""

from __future__ import annotations

from tests.architecture.source import calls, modules


def test_only_the_console_redirects() -> None:
    found = {str(path) for path in modules("app", "workers") for name, _ in calls(path) if name == "redirect"}
    assert found
    assert all(path.startswith("app/web/console/") for path in found)


def test_nobody_follows_redirects_with_a_credential() -> None:
    """`requests` follows by default, so whoever speaks HTTP says so."""
    for path in modules("app", "workers"):
        source = path.read_text(encoding="utf-8")
        if "import requests" in source and any(name == "request" for name, _ in calls(path)):
            assert "allow_redirects=False" in source, path
