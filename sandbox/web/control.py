"""The controls for tests and the demo, below `/sandbox/`. Not Jira's; anyone on this machine may use them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request

from sandbox.connect.descriptor import InstallRefusedError
from sandbox.shapes import JiraError, JsonObject
from sandbox.web.exchange import site

if TYPE_CHECKING:
    from sandbox.connect.installation import HookAnswer
    from sandbox.site import Site
    from sandbox.storm import Storm

routes = Blueprint("control", __name__, url_prefix="/sandbox")


@routes.post("/<any(install,uninstall,enable,disable,rotate):action>")
def act(action: str) -> Response:
    """Install or remove the app and so on; 502 with the reason where it refused."""
    try:
        answers = perform(site(), action)
    except InstallRefusedError as refusal:
        raise JiraError(502, str(refusal)) from refusal
    return jsonify({"answers": [asdict(each) for each in answers], **_state(site())})


def perform(here: Site, action: str) -> list[HookAnswer]:
    """Do what a button of the Manage-apps page does."""
    doing = {"install": here.install, "rotate": here.rotate_secret, "enable": here.enable, "disable": here.disable}
    return here.uninstall() if action == "uninstall" else [doing[action]()]


@routes.get("/state")
def state() -> Response:
    """Tell who is installed where."""
    return jsonify(_state(site()))


def _state(here: Site) -> JsonObject:
    kept = here.lifecycle.state
    shown: JsonObject = {
        "baseUrl": here.base_url,
        "dataset": here.dataset,
        "clientKey": kept.client_key,
        "installed": kept.installed,
    }
    shown |= {
        "enabled": kept.enabled,
        "app": here.lifecycle.app_url,
        "appKey": kept.descriptor.key if kept.descriptor else None,
    }
    shown |= {
        "installKeysUrl": here.install_keys_url,
        "kid": here.key.kid,
        "admin": here.admin,
        "nonAdmin": here.non_admin,
    }
    return {**shown, "hooks": [asdict(each) for each in here.lifecycle.history[-20:]]}


@routes.post("/context-token")
def context_token() -> Response:
    """Return what `AP.context.getToken` would give to the user `accountId`: for scripts without a browser."""
    asked = request.get_json(silent=True) or {}
    return jsonify({"token": site().context_token(asked.get("accountId") or site().admin)})


@routes.get("/truth")
def truth() -> Response:
    """Return what a complete ingest must hold; `?issues=0` leaves out the facts of each issue."""
    return jsonify(site().truth(with_issues=request.args.get("issues") != "0"))


@routes.get("/counts")
def counts() -> Response:
    """Return how many of each entity there are."""
    return jsonify(site().counts())


@routes.get("/requests")
def requests() -> Response:
    """Return the counters of REST requests; `?log=1` adds the last requests."""
    shown = site().traffic.shown()
    return jsonify({**shown, "log": site().traffic.log} if request.args.get("log") == "1" else shown)


@routes.delete("/requests")
def forget_requests() -> Response:
    """Start counting anew."""
    site().traffic.reset()
    return Response(status=204)


@routes.get("/webhooks")
def webhooks() -> Response:
    """Return the deliveries made so far, or those made after `since` (epoch ms)."""
    since = int(request.args.get("since", 0))
    return jsonify([each.shown() for each in list(site().webhooks.deliveries) if each.made_at >= since])


@routes.get("/webhooks/pending")
def pending_webhooks() -> Response:
    """Return how many deliveries and retries have yet to leave."""
    return jsonify({"pending": site().webhooks.postman.pending})


@routes.post("/mutate")
def mutate() -> Response:
    """Make one change, or `count` of them; returns what changed and what was sent."""
    asked = request.get_json()
    if not isinstance(asked, dict):
        raise JiraError(400, "A JSON object is needed.")
    kind, count = str(asked.pop("kind", "random")), int(asked.pop("count", 1))
    made = [site().mutate(kind, **asked) for _ in range(count)]
    return jsonify(made[0] if count == 1 else made)


@routes.post("/restart")
def restart() -> Response:
    """Be away for `seconds`, then back without any page token; this answer still goes out."""
    site().restart(float((request.get_json(silent=True) or {}).get("seconds", 0)))
    return Response(status=204)


@routes.post("/storm")
def begin_storm() -> Response:
    """Let the site change by itself: {"changes", "rate", "others", "seed", …} as in `sandbox.storm.Wanted`."""
    asked = request.get_json()
    if not isinstance(asked, dict):
        raise JiraError(400, "A JSON object is needed.")
    return jsonify(site().storm(**asked).shown())


@routes.get("/storm")
def show_storm() -> Response:
    """Return how far the storm is, and what it has changed; `?since=` leaves out the first notes."""
    return jsonify(_storm().shown(int(request.args.get("since", 0))))


@routes.delete("/storm")
def end_storm() -> Response:
    """End the storm before its time."""
    _storm().stop()
    return Response(status=204)


def _storm() -> Storm:
    found = site().last_storm
    if found is None:
        raise JiraError(404, "There was no storm.")
    return found


@routes.post("/webhook")
def webhook() -> Response:
    """Send any event: {"event": …, "body": {…}}."""
    asked = request.get_json()
    sent = site().send_webhook(asked["event"], asked.get("body") or {})
    return jsonify([each.shown() for each in sent])


@routes.route("/options", methods=["GET", "POST"])
def options() -> Response:
    """Show the options, after changing those that are sent."""
    if request.method == "POST":
        try:
            site().change_options(request.get_json())
        except (ValueError, AttributeError) as failure:
            raise JiraError(400, str(failure)) from failure
    return jsonify(site().options.shown())
