"""One integration: how it is, what it holds, what workers did."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, render_template, request

from app import clock
from app.catalog.extract import clean
from app.errors import Missing, Unavailable
from app.ingest.planning import inbox
from app.ingest.status import diagnostics, overview
from app.ingest.writing import absences
from app.store import activity, poison
from app.web.api.integrations import site_of
from app.web.console import plots
from app.web.console.connecting import held_of, shown_of
from app.web.words.language import N_, gettext
from app.web.words.states import LOOKS, STATES
from app.web.words.terms import CAUSES, ENTITIES, JOBS, RESULTS, stop_of

if TYPE_CHECKING:
    from flask import Blueprint

    from app.integrations.model import Integration
    from app.runtime import Runtime

_SHOWN, _RUNS = 20, 50
"""How many of the records that were left out, of absences and of runs the page has."""
_WEEK = timedelta(days=7)
_COUNTED = ("received", "duplicated", "late", "given_up")
TABS = (("detail", N_("Overview")), ("data", N_("Data")), ("work", N_("Activity")), ("settings", N_("Settings")))


def add(routes: Blueprint, runtime: Runtime) -> None:
    """Overview, Data, Activity, and the pictures."""

    @routes.get("/integrations/<known>")
    def detail(known: str) -> str:
        held = held_of(runtime, known)
        shown = shown_of(runtime, held)
        if held.tenant_id is None:
            return page("overview.html", runtime, held, "detail", shown=shown, projects=[], plots=[])
        with runtime.store.bound_to(held.tenant_id) as session:
            projects = overview.projects(session)
            drawn = [plots.words_of(name, plots.hours_of(session, name)) for name in plots.PLOTS]
        return page("overview.html", runtime, held, "detail", shown=shown, projects=projects, plots=drawn)

    @routes.get("/integrations/<known>/plots/<name>.svg")
    def plot(known: str, name: str) -> Response:
        held = held_of(runtime, known)
        if held.tenant_id is None or name not in plots.PLOTS:
            raise Missing("There is no such integration.")
        with runtime.store.bound_to(held.tenant_id) as session:
            hours = plots.hours_of(session, name)
        drawn = plots.draw(name, hours, is_narrow=request.args.get("width") == "narrow")
        return Response(drawn, mimetype="image/svg+xml")

    _add_data(routes, runtime)


def _add_data(routes: Blueprint, runtime: Runtime) -> None:
    @routes.get("/integrations/<known>/data")
    def data(known: str) -> str:
        held = held_of(runtime, known)
        key = clean(request.args.get("key", "")).strip().upper()[:100]
        only_empty = request.args.get("empty") == "1"
        if held.tenant_id is None:
            return page("data.html", runtime, held, "data", is_paired=False)
        with runtime.store.bound_to(held.tenant_id) as session:
            found = overview.find_issue(session, key) if key else None
            newest, projects = overview.newest_issues(session), overview.projects(session)
            missed = absences.listed(session, limit=_SHOWN, is_open=True)
        return page(
            "data.html",
            runtime,
            held,
            "data",
            is_paired=True,
            shown=shown_of(runtime, held),
            key=key,
            found=found,
            age=_age(clock.now() - found.read_at) if found else "",
            newest=newest,
            missed=missed,
            causes=CAUSES,
            projects=[each for each in projects if not only_empty or not each.stored],
            only_empty=only_empty,
        )

    @routes.get("/integrations/<known>/activity")
    def work(known: str) -> str:
        held = held_of(runtime, known)
        if held.tenant_id is None:
            return page("activity.html", runtime, held, "work", is_paired=False)
        with runtime.store.bound_to(held.tenant_id) as session:
            runs, troubles = activity.listed(session, limit=_RUNS), diagnostics.troubles(session)
            hours, waiting = inbox.by_hour(session, since=clock.now() - _WEEK), inbox.waiting(session, own=False)
            parked, parked_total = poison.newest(session, _SHOWN), poison.count(session)
        return page(
            "activity.html",
            runtime,
            held,
            "work",
            is_paired=True,
            runs=runs,
            job_names=JOBS,
            results=RESULTS,
            troubles=[(each, stop_of(each.problem or "")) for each in troubles],
            delivered={name: sum(getattr(each, name) for each in hours) for name in _COUNTED},
            waiting=waiting,
            parked=parked,
            parked_total=parked_total,
            points=_points(runtime, held),
        )


def page(template: str, runtime: Runtime, held: Integration, tab: str, **context: object) -> str:
    """One tab of an integration's page."""
    return render_template(
        template,
        held=held,
        tab=tab,
        tabs=TABS,
        site=site_of(runtime, held.tenant_id),
        state=STATES[held.state],
        look=LOOKS[held.state],
        state_name=held.state.value,
        entity_names=ENTITIES,
        **context,
    )


def _points(runtime: Runtime, held: Integration) -> dict[str, Any] | None:
    """What the limiter has booked for the site; None while it cannot be asked."""
    try:
        return runtime.limiter.accounts.standing(str(held.tenant_id))
    except Unavailable:
        return None


def _age(age: timedelta) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0, int(age.total_seconds()))
    for size, words in (
        (86_400, N_("%(count)s days ago")),
        (3600, N_("%(count)s hours ago")),
        (60, N_("%(count)s minutes ago")),
    ):
        if seconds >= 2 * size:
            return gettext(words, count=seconds // size)
    return gettext("%(count)s seconds ago", count=seconds)
