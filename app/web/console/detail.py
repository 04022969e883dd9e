"""The pages of one integration: Overview, Data, Activity."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, render_template, request

from app import clock
from app.catalog.conversion import clean
from app.catalog.registry import in_order
from app.conditions import Code, Condition
from app.errors import Missing, Unavailable
from app.ingest.planning import inbox, site_clock
from app.ingest.status import diagnostics, hygiene, overview
from app.ingest.writing import absences
from app.integrations import ledger
from app.store import activity, poison
from app.web.api.integrations import site_url_of, token_of
from app.web.console import plots
from app.web.console.connecting import integration_of, shown_of
from app.web.words.failures import INCOMPLETE
from app.web.words.language import N_, gettext
from app.web.words.sentences import details, explain
from app.web.words.states import LOOKS, STATES, skew_words
from app.web.words.terms import CAUSES, JOBS, RESULTS

if TYPE_CHECKING:
    from flask import Blueprint

    from app.ingest.status import Trouble
    from app.integrations.model import Integration
    from app.runtime import Runtime
    from app.store.session import Session
    from app.web.words.sentences import Explanation

_MOST_RECORDS, _MOST_RUNS = 20, 50
"""Parked records and absences, and runs, on one page."""
_MOST_MISSES = 100
"""Issues listed for a criterion."""
_WEEK = timedelta(days=7)
_WARNING_DAYS = 30
_SUMS = ("received", "duplicated", "late", "given_up")
TABS = (("detail", N_("Overview")), ("data", N_("Data")), ("work", N_("Activity")), ("settings", N_("Settings")))


def add(routes: Blueprint, runtime: Runtime) -> None:
    """Overview, Data, Activity, and the pictures."""

    @routes.get("/integrations/<integration_id>")
    def detail(integration_id: str) -> str:
        integration = integration_of(runtime, integration_id)
        view = shown_of(runtime, integration)
        if integration.tenant_id is None:
            return page("overview.html", runtime, integration, "detail", shown=view, projects=[], plots=[])
        with ledger.site_session(runtime.store, integration) as session:
            projects = overview.projects(session)
            value_count = poison.count_values(session)
            skew = site_clock.skew(session)
            captions = [plots.words_of(name, plots.hours_of(session, name)) for name in plots.PLOTS]
        figures = {"projects": projects, "plots": captions, "values_left_out": value_count}
        figures["skew"] = skew_words(skew) if skew is not None else ""
        figures["token"] = token = token_of(runtime, integration)
        figures["token_notice"] = _token_notice(token)
        return page("overview.html", runtime, integration, "detail", shown=view, **figures)

    @routes.get("/integrations/<integration_id>/plots/<name>.svg")
    def plot(integration_id: str, name: str) -> Response:
        integration = integration_of(runtime, integration_id)
        if integration.tenant_id is None or name not in plots.PLOTS:
            raise Missing(Code.NO_INTEGRATION)
        with ledger.site_session(runtime.store, integration) as session:
            hours = plots.hours_of(session, name)
        picture = plots.draw(name, hours, is_narrow=request.args.get("width") == "narrow")
        return Response(picture, mimetype="image/svg+xml")

    _add_data(routes, runtime)


def _token_notice(token: dict[str, Any] | None) -> Explanation | None:
    """The warning of a token's last month."""
    remaining_days = token["remaining_days"] if token is not None else None
    if remaining_days is None or remaining_days > _WARNING_DAYS:
        return None
    return explain(Condition(Code.TOKEN_ENDS, days=remaining_days))


def _add_data(routes: Blueprint, runtime: Runtime) -> None:
    @routes.get("/integrations/<integration_id>/data")
    def data(integration_id: str) -> str:
        integration = integration_of(runtime, integration_id)
        key = clean(request.args.get("key", "")).strip().upper()[:100]
        only_empty = request.args.get("empty") == "1"
        if integration.tenant_id is None:
            return page("data.html", runtime, integration, "data", is_paired=False)
        with ledger.site_session(runtime.store, integration) as session:
            issue = overview.find_issue(session, key) if key else None
            newest, projects = overview.newest_issues(session), overview.projects(session)
            open_absences = absences.listed(session, limit=_MOST_RECORDS, is_open=True)
            unreadable_parts = diagnostics.unreadable_parts(session)
            figures = _hygiene(session, integration, request.args.get("criterion", ""))
        return page(
            "data.html",
            runtime,
            integration,
            "data",
            is_paired=True,
            shown=shown_of(runtime, integration),
            key=key,
            issue=issue,
            age=_age(clock.now() - issue.read_at) if issue else "",
            newest=newest,
            absences=open_absences,
            unreadable=[(part, explain(part.reason), details(part.reason)) for part in unreadable_parts],
            causes=CAUSES,
            projects=[project for project in projects if not only_empty or not project.stored],
            only_empty=only_empty,
            **figures,
        )

    @routes.get("/integrations/<integration_id>/activity")
    def work(integration_id: str) -> str:
        integration = integration_of(runtime, integration_id)
        if integration.tenant_id is None:
            return page("activity.html", runtime, integration, "work", is_paired=False)
        # Before the rows: the check of the pairing that follows them covers the points as well.
        points = _points(runtime, integration)
        with ledger.site_session(runtime.store, integration) as session:
            runs, troubles = activity.listed(session, limit=_MOST_RUNS), diagnostics.troubles(session)
            hours, backlog = inbox.by_hour(session, since=clock.now() - _WEEK), inbox.waiting(session, is_ours=False)
            records, record_count = poison.newest(session, _MOST_RECORDS), poison.count(session)
            value_count = poison.count_values(session)
        return page(
            "activity.html",
            runtime,
            integration,
            "work",
            is_paired=True,
            runs=runs,
            job_names=JOBS,
            results=RESULTS,
            troubles=[_explained(trouble) for trouble in troubles],
            delivered={name: sum(getattr(hour, name) for hour in hours) for name in _SUMS},
            waiting=backlog,
            parked=records,
            parked_total=record_count,
            values_left_out=value_count,
            details=details,
            points=points,
        )


def _hygiene(session: Session, integration: Integration, position: str) -> dict[str, Any]:
    """The misses by criterion, and the first issues that miss the one at a position."""
    figures = hygiene.hygiene_of(session, integration)
    rows = [(result, explain(result.skip_reason) if result.skip_reason else None) for result in figures.results]
    counted_results = {str(number): result for number, result in enumerate(figures.results, 1) if result.misses}
    criterion = counted_results[position].criterion if position in counted_results else None
    misses = hygiene.misses_of(session, integration, criterion, after="", limit=_MOST_MISSES) if criterion else []
    return {
        "hygiene": figures,
        "hygiene_rows": rows,
        "criterion": criterion,
        "misses": misses,
        "most_misses": _MOST_MISSES,
    }


def page(template: str, runtime: Runtime, integration: Integration, tab: str, **context: object) -> str:
    """One tab of an integration's page."""
    return render_template(
        template,
        integration=integration,
        tab=tab,
        tabs=TABS,
        site=site_url_of(runtime, integration),
        state=STATES[integration.state],
        look=LOOKS[integration.state],
        state_name=integration.state.value,
        labels={entity.name: entity.label for entity in in_order()},
        **context,
    )


def _explained(trouble: Trouble) -> tuple[Trouble, Explanation, str]:
    """A part of the site that was not read, with words for people and the details."""
    problem = trouble.problem or Condition(Code.OTHER, text="")
    return trouble, explain(problem, general=INCOMPLETE), details(problem)


def _points(runtime: Runtime, integration: Integration) -> dict[str, Any] | None:
    """The limiter's account of the site; None while Redis does not answer."""
    try:
        return runtime.limiter.accounts.standing(str(integration.tenant_id))
    except Unavailable:
        return None


def _age(age: timedelta) -> str:
    """An age in the largest unit that fits."""
    seconds = max(0, int(age.total_seconds()))
    for size, words in (
        (86_400, N_("%(count)s days ago")),
        (3600, N_("%(count)s hours ago")),
        (60, N_("%(count)s minutes ago")),
    ):
        if seconds >= 2 * size:
            return gettext(words, count=seconds // size)
    return gettext("%(count)s seconds ago", count=seconds)
