"""The integrations of an account, and the products that can be connected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Response, jsonify, render_template, request

from app.catalog.conversion import clean
from app.errors import Conflicting
from app.ingest.status import overview, progress
from app.integrations import ledger
from app.integrations.model import State
from app.web import guard, shown
from app.web.api.integrations import callers_session, site_url_of
from app.web.console.forms import page_number
from app.web.words.states import LOOKS, STATES

if TYPE_CHECKING:
    from flask import Blueprint

    from app.ingest.status import Progress
    from app.integrations.ledger import Listing
    from app.integrations.model import Integration
    from app.runtime import Runtime

_PAGE_SIZE = 25


@dataclass(frozen=True)
class Filters:
    """The choice of integrations, from the page's address."""

    search: str
    state: State | None
    page: int


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The two tabs, and the calls of the first one's script."""

    @routes.get("")
    def index() -> str:
        filters = _filters()
        listing = _listing(runtime, filters)
        return render_template(
            "integrations.html",
            filters=filters,
            listing=listing,
            shown=_shown(runtime, listing),
            sites={integration.id: site_url_of(runtime, integration) for integration in listing.integrations},
            states=STATES,
            looks=LOOKS,
            pages=-(-listing.total // _PAGE_SIZE),
        )

    @routes.get("/shown")
    def lines() -> Response:
        return jsonify(_shown(runtime, _listing(runtime, _filters())))

    @routes.get("/available")
    def available() -> str:
        return render_template("available.html")


def _filters() -> Filters:
    state = request.args.get("state", "")
    return Filters(
        search=clean(request.args.get("search", ""))[:200].strip(),
        state=State(state) if state in set(State) else None,
        page=page_number(),
    )


def _listing(runtime: Runtime, filters: Filters) -> Listing:
    with callers_session(runtime) as session:
        return ledger.page_of(
            session,
            guard.account().id,
            page=filters.page,
            page_size=_PAGE_SIZE,
            search=filters.search or None,
            state=filters.state,
        )


def _shown(runtime: Runtime, listing: Listing) -> shown.View:
    return shown.lines(
        [shown.line(integration, *_issues_of(runtime, integration)) for integration in listing.integrations]
    )


def _issues_of(runtime: Runtime, integration: Integration) -> tuple[Progress | None, int | None]:
    """The issues of an integration during its backfill, and the seconds left."""
    if integration.tenant_id is None or integration.state is not State.BACKFILLING:
        return None, None
    try:
        with ledger.site_session(runtime.store, integration) as session:
            issues = overview.issues_so_far(session)
            return issues, progress.remaining_seconds(session, integration, [issues])
    except Conflicting:
        return None, None
