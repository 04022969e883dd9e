"""One request and its answer: the current site, strict parameters, JSON with Jira's points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import Response, g, request

from sandbox import rendering
from sandbox.moments import parse_ms
from sandbox.shapes import ORIGIN, JiraError, JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.site import Site

API = '/rest/api/<any("2","3"):version>'
JSON_TYPE = "application/json;charset=UTF-8"
SITE, GATEWAY = "sandbox.site", "sandbox.gateway"
"""Keys in a request's WSGI environment: the site, and whether the request came by Atlassian's gateway."""
CORE, IDENTITY = 1, 2
"""Points per returned object."""


def site() -> Site:
    """Return the site of the current request."""
    result: Site = request.environ[SITE]
    return result


def address() -> str:
    """Return the address that links in answers carry: the site's, or the gateway's for requests that came by it.

    Issues read by the gateway have `"self": "https://api.atlassian.com/ex/jira/<cloudId>/rest/api/3/issue/…"`, their
    attachments likewise (github.com/mattermost/mattermost-plugin-jira/pull/1255).
    """
    base_url = site().base_url
    return f"{base_url}/ex/jira/{site().cloud_id}" if request.environ.get(GATEWAY) else base_url


def reply(body: Any, *, objects: int = 0, cost: int = CORE, status: int = 200) -> Response:  # noqa: ANN401 - any JSON
    """Return a JSON answer. It costs one point plus `cost` for each of `objects`."""
    g.points = 1 + objects * cost
    raw = orjson.dumps(body).replace(ORIGIN.encode(), address().encode())
    return Response(raw, status, content_type=JSON_TYPE)


def number(name: str, default: int, *, lowest: int = 0) -> int:
    """Return an integer parameter. Raises JiraError 400."""
    text = request.args.get(name)
    if text is None or not text.strip():
        return default
    try:
        value = int(text)
    except ValueError:
        raise JiraError(400, f"The value '{text}' of parameter '{name}' is not a number.") from None
    if value < lowest:
        raise JiraError(400, f"The value of parameter '{name}' must not be below {lowest}.")
    return value


def names(parameter: str) -> list[str]:
    """Return the values of a parameter, repeated or comma-separated."""
    return [part.strip() for text in request.args.getlist(parameter) for part in text.split(",") if part.strip()]


def shown_fields(parameter: Iterable[str], default: str) -> rendering.Selection:
    """Return the fields that a request asks for and that the site has."""
    selection = rendering.Selection.of(parameter, default)
    return selection if site().options.time_tracking else selection.without(rendering.TIME_TRACKING)


def json_body() -> JsonObject:
    """Return the JSON object of the request. Raises JiraError 415 or 400."""
    if request.mimetype != "application/json":
        problem = {
            "type": "about:blank",
            "title": "Unsupported Media Type",
            "status": 415,
            "detail": "Content-Type must be application/json.",
        }
        raise JiraError(
            415, "Unsupported Media Type", body=problem, headers={"Content-Type": "application/problem+json"}
        )
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        raise bad_payload() from None
    if not isinstance(body, dict):
        raise bad_payload()
    return body


def bad_payload() -> JiraError:
    """Return the 400 for an invalid body."""
    return JiraError(400, "Invalid request payload. Refer to the REST API documentation and try again.")


def page(
    values: Sequence[Any], *, default: int = 50, cap: int = 50, name: str = "values", links: bool = True
) -> JsonObject:
    """Return one page as Jira's page beans do: `maxResults` is lowered to the cap and echoed."""
    start = number("startAt", 0)
    size = min(number("maxResults", default), cap)
    cut = list(values[start : start + size])
    is_last = start + len(cut) >= len(values)
    bean: JsonObject = {"maxResults": size, "startAt": start, "total": len(values)}
    if links:
        url = f"{ORIGIN}{request.path}"
        bean = {"self": f"{url}?startAt={start}&maxResults={size}", **bean, "isLast": is_last}
        if not is_last:
            bean["nextPage"] = f"{url}?startAt={start + size}&maxResults={size}"
    return {**bean, name: cut}


def by_created(entries: Sequence[JsonObject]) -> list[JsonObject]:
    """Sort children by creation time, oldest first."""
    return sorted(entries, key=lambda entry: (parse_ms(entry["created"]), int(entry["id"])))
