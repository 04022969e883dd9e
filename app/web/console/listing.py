"""The integrations of an account, and what else can be connected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Response, jsonify, render_template, request

from app.catalog.extract import clean
from app.ingest.status import overview
from app.integrations import ledger
from app.integrations.model import State
from app.web import guard, shown
from app.web.api.integrations import site_of
from app.web.words.states import LOOKS, STATES

if TYPE_CHECKING:
    from flask import Blueprint

    from app.integrations.ledger import Listing
    from app.integrations.model import Integration
    from app.runtime import Runtime

_PAGE_SIZE = 25


@dataclass(frozen=True)
class Asked:
    """What somebody looks for."""

    search: str
    state: State | None
    page: int


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The two tabs, and the calls of the first one's script."""

    @routes.get("")
    def index() -> str:
        asked = _asked()
        found = _found(runtime, asked)
        return render_template(
            "integrations.html",
            asked=asked,
            found=found,
            shown=_shown(runtime, found),
            sites={each.id: site_of(runtime, each.tenant_id) for each in found.found},
            states=STATES,
            looks=LOOKS,
            pages=-(-found.total // _PAGE_SIZE),
        )

    @routes.get("/shown")
    def lines() -> Response:
        return jsonify(_shown(runtime, _found(runtime, _asked())))

    @routes.get("/available")
    def available() -> str:
        return render_template("available.html")


def _asked() -> Asked:
    page = request.args.get("page", "1")
    state = request.args.get("state", "")
    return Asked(
        clean(request.args.get("search", ""))[:200].strip(),
        State(state) if state in set(State) else None,
        int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 7 and int(page) else 1,  # noqa: PLR2004 - a page
    )


def _found(runtime: Runtime, asked: Asked) -> Listing:
    account_id = guard.account().id
    with runtime.store.bound_to_account(account_id) as session:
        return ledger.page_of(
            session,
            account_id,
            page=asked.page,
            page_size=_PAGE_SIZE,
            search=asked.search or None,
            state=asked.state,
        )


def _shown(runtime: Runtime, found: Listing) -> shown.Shown:
    return shown.lines([shown.line(each, _issues_of(runtime, each)) for each in found.found])


def _issues_of(runtime: Runtime, held: Integration) -> tuple[int, int | None] | None:
    """How many issues are read, of an integration that is being filled."""
    if held.tenant_id is None or held.state is not State.BACKFILLING:
        return None
    with runtime.store.bound_to(held.tenant_id) as session:
        return overview.issues_so_far(session)
