"""An SEI admin renews the credentials of an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from app.errors import Conflicting

if TYPE_CHECKING:
    from app.integrations.model import Integration


def reauthenticate(_integration: Integration) -> NoReturn:
    """Refuse: the Jira app, the only method so far, has no credentials of its own. Raises Conflicting."""
    raise Conflicting(
        "The Jira app signs by itself; there are no credentials to renew. If the site refuses us, have the app enabled or"
        " installed again, then generate a new one-time password."
    )
