"""Whether an address answers at all; for the operator's doctor."""

from __future__ import annotations

import requests

_TIMEOUT = 5


def problem_with(url: str) -> str | None:
    """What keeps us from an address, or None where anything answers."""
    try:
        requests.get(url, timeout=_TIMEOUT, allow_redirects=False).close()
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    return None
