"""The administrator check, made with Jira for every request: a hidden menu entry is no permission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.json_value import find
from app.conditions import Code
from app.errors import Forbidden, JiraFailure, JiraRefused, JiraRejected, Unavailable
from app.jira.client import INTERACTIVE

if TYPE_CHECKING:
    from app.jira.client import Site

_PERMISSION = "ADMINISTER"
_OK = 200


def require_administrator(site: Site, account_id: str | None) -> None:
    """Require that an account administers the site at this moment.

    Without an account id Jira would answer for the app itself, so no request is made then. Raises Forbidden for
    everybody but administrators, Unavailable when Jira cannot tell.
    """
    if not account_id:
        raise Forbidden(Code.NOT_SIGNED_IN)
    try:
        answer = site.post(
            "/rest/api/3/permissions/check",
            {"accountId": account_id, "globalPermissions": [_PERMISSION]},
            timeout=INTERACTIVE,
        )
    except JiraRefused as refusal:
        raise Forbidden(Code.CANNOT_CHECK) from refusal
    except JiraRejected as rejection:
        # Jira rejects an account id that it does not know. Such an account administers nothing.
        raise Forbidden(Code.NOT_ADMINISTRATOR) from rejection
    except JiraFailure as failure:
        raise Unavailable(Code.CANNOT_ASK_JIRA) from failure
    if answer.status != _OK or find(answer.body, "globalPermissions") != [_PERMISSION]:
        raise Forbidden(Code.NOT_ADMINISTRATOR)
