"""Reachability of an address, for the operator's doctor."""

from __future__ import annotations

import requests

_TIMEOUT = 5


def problem_with(url: str) -> str | None:
    """The obstacle between us and an address; None where anything answers."""
    try:
        requests.get(url, timeout=_TIMEOUT, allow_redirects=False).close()
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    return None
