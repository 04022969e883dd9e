"""The URL of an app's page in Jira's frame, with the parameters that Jira adds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from sandbox.connect.tokens import page_token

if TYPE_CHECKING:
    from sandbox.connect.installation import Installation

CONNECT_VERSION = "1001.0.0-SNAPSHOT"
_VARIABLE = re.compile(r"\$?\{[\w.]+\}")


def frame_url(state: Installation, site_url: str, module_key: str, account_id: str | None) -> str | None:
    """Return the page's URL with Jira's parameters and a token over all of them; None for an unknown page."""
    if state.descriptor is None or not state.is_enabled:
        return None
    module = state.descriptor.page(module_key)
    if module is None:
        return None
    relative = _VARIABLE.sub("", module["url"])  # a site page has no context variables
    parameters = {
        "xdm_e": site_url,
        "xdm_c": f"channel-{state.descriptor.key}__{module_key}",
        "cp": "",
        "xdm_deprecated_addon_key_do_not_use": state.descriptor.key,
        "lic": "none",
        "cv": CONNECT_VERSION,
    }
    glue = "&" if "?" in relative else "?"
    url = state.descriptor.address.url(relative) + glue + urlencode(parameters, quote_via=quote, safe="")
    token = page_token(state.shared_secret, state.client_key, state.descriptor.address, url, account_id)
    return f"{url}&jwt={token}"
