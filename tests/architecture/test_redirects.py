"""Only the console redirects: a redirect could leak the token in a page's address."""

from __future__ import annotations

from tests.architecture.source import calls, modules


def test_only_the_console_redirects() -> None:
    files = {str(path) for path in modules("app", "workers") for name, _ in calls(path) if name == "redirect"}
    assert files
    assert all(path.startswith("app/web/console/") for path in files)


def test_nobody_follows_redirects_with_a_credential() -> None:
    """`requests` follows redirects by default, therefore every HTTP client turns that off."""
    for path in modules("app", "workers"):
        source = path.read_text(encoding="utf-8")
        if "import requests" in source and any(name == "request" for name, _ in calls(path)):
            assert "allow_redirects=False" in source, path
