"""The site in a browser: top bar with the Apps menu, the app's frame, Manage apps."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)

from sandbox.connect.descriptor import InstallRefusedError
from sandbox.web.control import perform
from sandbox.web.exchange import site

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from sandbox.shapes import JsonObject

routes = Blueprint("host", __name__)
COOKIE = "sandbox_user"
FRAME_RIGHTS = (
    "allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-scripts "
    "allow-same-origin allow-top-navigation-by-user-activation"
)


def _user() -> JsonObject:
    """Return the current user: from `?as=`, else from the cookie, else an administrator."""
    users = site().world.catalogue.users
    for account_id in (request.args.get("as"), request.cookies.get(COOKIE)):
        if account_id in users:
            return users[account_id]
    return users[site().admin]


def _page(template: str, status: int = 200, **context: object) -> Response:
    user = _user()
    state = site().lifecycle.state
    people = [user for user in site().world.catalogue.users.values() if user["active"] and user["accountType"] != "app"]
    html = render_template(
        template, user=user, people=people, is_admin=site().is_admin, menu=_menu(user), app=state, **context
    )
    answer = make_response(html, status)
    answer.set_cookie(COOKIE, user["accountId"], samesite="Lax", httponly=True)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _menu(user: JsonObject) -> list[JsonObject]:
    """Return the entries of the Apps menu with conditions that this user meets."""
    state = site().lifecycle.state
    if not state.is_enabled or state.descriptor is None:
        return []
    pages = state.descriptor.modules.get("generalPages") or []
    entries = [
        page
        for page in pages
        if page.get("location") != "none" and all(_holds(rule, user) for rule in page.get("conditions") or [])
    ]
    return [{"name": entry["name"]["value"], "url": page_path(state.descriptor.key, entry["key"])} for entry in entries]


def _holds(rule: JsonObject, user: JsonObject) -> bool:
    if "or" in rule:
        return any(_holds(part, user) for part in rule["or"])
    if "and" in rule:
        return all(_holds(part, user) for part in rule["and"])
    conditions = {
        "user_is_admin": site().is_admin(user["accountId"]),
        "user_is_sysadmin": site().is_admin(user["accountId"]),
        "user_is_logged_in": True,
    }
    return conditions.get(rule.get("condition", ""), False) != bool(rule.get("invert"))


def page_path(app_key: str, module_key: str) -> str:
    """Return the path of an app's page in Jira."""
    return f"/plugins/servlet/ac/{app_key}/{module_key}"


@routes.get("/")
def home() -> Response:
    """Show the site's start page."""
    return _page("home.html", counts=site().counts(), projects=list(site().world.catalogue.projects.values()))


@routes.get("/plugins/servlet/ac/<app_key>/<module_key>")
def app_page(app_key: str, module_key: str) -> Response:
    """Show the app's page in a frame to any user; conditions only hide menu entries."""
    state = site().lifecycle.state
    url = site().frame_url(module_key, _user()["accountId"])
    if url is None or state.descriptor is None or state.descriptor.key != app_key:
        return _page("missing.html", 404)
    title = (state.descriptor.page(module_key) or {})["name"]["value"]
    parts = urlsplit(url)
    return _page(
        "app_page.html",
        title=title,
        frame=url,
        rights=FRAME_RIGHTS,
        frame_origin=f"{parts.scheme}://{parts.netloc}",
        module_key=module_key,
    )


@routes.get("/plugins/servlet/upm")
def manage_apps(problem: str = "", status: int = 200) -> Response:
    """Show Manage apps."""
    state = site().lifecycle.state
    links = {}
    if state.descriptor is not None and state.is_enabled:
        for label, name in (("Configure", "configurePage"), ("Get started", "postInstallPage")):
            module = state.descriptor.modules.get(name)
            if module:
                links[label] = page_path(state.descriptor.key, module["key"])
    return _page(
        "manage_apps.html",
        status,
        links=links,
        problem=problem,
        app_url=site().lifecycle.app_url,
        admin=site().is_admin(_user()["accountId"]),
    )


@routes.post("/plugins/servlet/upm/<any(install,uninstall,enable,disable):action>")
def manage(action: str) -> BaseResponse:
    """Run the action of a button; 403 for a user without administrator rights."""
    if not site().is_admin(_user()["accountId"]):
        abort(403)
    try:
        perform(site(), action)
    except InstallRefusedError as refusal:
        return manage_apps(str(refusal), 502)
    return redirect(url_for("host.manage_apps"), 303)


@routes.get("/sandbox/context-token")
def context_token() -> Response:
    """Return a fresh context token for the page around the frame."""
    state = site().lifecycle.state
    if not state.is_enabled:
        abort(404)
    answer = jsonify({"token": site().context_token(_user()["accountId"])})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@routes.get("/atlassian-connect/all.js")
def client_library() -> Response:
    """Serve the client library of app pages."""
    answer = send_from_directory("static", "all.js", mimetype="application/javascript")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@routes.get("/install-keys/<kid>")
def install_key(kid: str) -> Response:
    """Publish the install key under its UUID."""
    if kid != site().key.kid:
        abort(404)
    return Response(site().key.public_pem, content_type="text/plain; charset=utf-8")


@routes.get("/_edge/tenant_info")
def tenant_info() -> Response:
    """Return the site's cloud id, without authentication."""
    return jsonify({"cloudId": site().cloud_id})
