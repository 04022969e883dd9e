"""Controls for tests and the demo below `/sandbox/`. Not part of Jira; no authentication."""

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
    """Install, remove, enable or disable the app, or rotate its secret; 502 with the reason of a refusal."""
    try:
        answers = perform(site(), action)
    except InstallRefusedError as refusal:
        raise JiraError(502, str(refusal)) from refusal
    return jsonify({"answers": [asdict(answer) for answer in answers], **_state(site())})


def perform(target: Site, action: str) -> list[HookAnswer]:
    """Run the action of a button on the Manage-apps page."""
    actions = {
        "install": target.install,
        "rotate": target.rotate_secret,
        "enable": target.enable,
        "disable": target.disable,
    }
    return target.uninstall() if action == "uninstall" else [actions[action]()]


@routes.get("/state")
def state() -> Response:
    """Return the installation of the app."""
    return jsonify(_state(site()))


def _state(target: Site) -> JsonObject:
    installation = target.lifecycle.state
    facts: JsonObject = {
        "baseUrl": target.base_url,
        "dataset": target.dataset,
        "clientKey": installation.client_key,
        "installed": installation.is_installed,
    }
    facts |= {
        "enabled": installation.is_enabled,
        "app": target.lifecycle.app_url,
        "appKey": installation.descriptor.key if installation.descriptor else None,
    }
    facts |= {
        "installKeysUrl": target.install_keys_url,
        "kid": target.key.kid,
        "admin": target.admin,
        "nonAdmin": target.non_admin,
    }
    return {**facts, "hooks": [asdict(hook) for hook in target.lifecycle.history[-20:]]}


@routes.post("/context-token")
def context_token() -> Response:
    """Return the token of `AP.context.getToken` for the user `accountId`, for scripts without a browser."""
    body = request.get_json(silent=True) or {}
    return jsonify({"token": site().context_token(body.get("accountId") or site().admin)})


@routes.get("/truth")
def truth() -> Response:
    """Return the rows of a complete ingest; `?issues=0` omits the facts of each issue."""
    return jsonify(site().truth(with_issues=request.args.get("issues") != "0"))


@routes.get("/counts")
def counts() -> Response:
    """Return the number of objects of each entity."""
    return jsonify(site().counts())


@routes.get("/requests")
def requests() -> Response:
    """Return the counters of REST requests; `?log=1` adds the last requests."""
    counters = site().traffic.as_json()
    return jsonify({**counters, "log": site().traffic.log} if request.args.get("log") == "1" else counters)


@routes.delete("/requests")
def forget_requests() -> Response:
    """Reset the counters."""
    site().traffic.reset()
    return Response(status=204)


@routes.get("/webhooks")
def webhooks() -> Response:
    """Return all deliveries, or those since `since` (epoch ms)."""
    since = int(request.args.get("since", 0))
    return jsonify([delivery.as_json() for delivery in list(site().webhooks.deliveries) if delivery.made_at >= since])


@routes.get("/webhooks/pending")
def pending_webhooks() -> Response:
    """Return the number of pending deliveries and retries."""
    return jsonify({"pending": site().webhooks.queue.pending})


@routes.post("/mutate")
def mutate() -> Response:
    """Make one change, or `count` of them. Returns changes and deliveries."""
    parameters = request.get_json()
    if not isinstance(parameters, dict):
        raise JiraError(400, "A JSON object is needed.")
    kind, count = str(parameters.pop("kind", "random")), int(parameters.pop("count", 1))
    changes = [site().mutate(kind, **parameters) for _ in range(count)]
    return jsonify(changes[0] if count == 1 else changes)


@routes.post("/restart")
def restart() -> Response:
    """Go down for `seconds` after this answer and invalidate all page tokens."""
    site().restart(float((request.get_json(silent=True) or {}).get("seconds", 0)))
    return Response(status=204)


@routes.post("/storm")
def begin_storm() -> Response:
    """Start random changes: {"changes", "rate", "others", "seed", …} as in `sandbox.storm.StormPlan`."""
    parameters = request.get_json()
    if not isinstance(parameters, dict):
        raise JiraError(400, "A JSON object is needed.")
    return jsonify(site().storm(**parameters).progress())


@routes.get("/storm")
def show_storm() -> Response:
    """Return the storm's progress and its notes from number `since` on."""
    return jsonify(_storm().progress(int(request.args.get("since", 0))))


@routes.delete("/storm")
def end_storm() -> Response:
    """Stop the storm."""
    _storm().stop()
    return Response(status=204)


def _storm() -> Storm:
    storm = site().last_storm
    if storm is None:
        raise JiraError(404, "There was no storm.")
    return storm


@routes.post("/webhook")
def webhook() -> Response:
    """Send an arbitrary event: {"event": …, "body": {…}}."""
    body = request.get_json()
    deliveries = site().send_webhook(body["event"], body.get("body") or {})
    return jsonify([delivery.as_json() for delivery in deliveries])


@routes.route("/options", methods=["GET", "POST"])
def options() -> Response:
    """Return the options; a POST changes some first."""
    if request.method == "POST":
        try:
            site().change_options(request.get_json())
        except (ValueError, AttributeError) as failure:
            raise JiraError(400, str(failure)) from failure
    return jsonify(site().options.public_json())
