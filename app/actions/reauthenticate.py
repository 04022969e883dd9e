"""An SEI admin renews the credentials of an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from app.conditions import Code
from app.errors import Conflicting

if TYPE_CHECKING:
    from app.integrations.model import Integration


def reauthenticate(_integration: Integration) -> NoReturn:
    """Refuse: the Jira app, the only method so far, has no credentials of its own. Raises Conflicting."""
    raise Conflicting(Code.NO_CREDENTIALS)
