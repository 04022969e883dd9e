"""The path of a backfilled issue equals the drawing in docs/architecture.md and is short enough to follow."""

from __future__ import annotations

import re
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from app import clock
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.planning import plan
from app.store import claims
from app.store.schema import CHUNKS
from tests.factories import a_paired_site
from tests.fakes.jira import FakeSite, FakeSites

if TYPE_CHECKING:
    from types import FrameType

    import pytest

    from app.runtime import Runtime

ROOT = Path(__file__).parents[3]
MOST_MODULES = 30
LOOKUPS = {
    *("clock", "ids", "logs", "errors", "conditions"),
    *(
        "catalog.language",
        "catalog.registry",
        "catalog.json_value",
        "catalog.field_policy",
        "catalog.selection",
        "integrations.model",
    ),
    *(
        "store.tables",
        "store.poison",
        "store.denormalised",
        "conditions.column",
        "conditions.condition",
        "conditions.codes",
        "planning.plan",
    ),
    *("catalog.conversion", "catalog.site_fields", "catalog.site_mapping", "integrations.settings"),
    *("planning.exclusions", "writing.exclusions", "writing.left_out", "writing.stubs", "writing.older_edits"),
    *("planning.inbox", "writing.unreadable", "writing.rename_propagation", "backfill.short_walks", "backfill.serving"),
}
"""Modules for look-ups, or without effect on an ordinary page, which the drawing leaves out."""


def drawn_modules() -> set[str]:
    """The names in the first drawing of "Following one issue"."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    drawing = page.partition("## Following one issue")[2].split("```")[1]
    lines = [re.split(r"\s{3,}", line.strip())[0] for line in drawing.splitlines()]
    return {name for line in lines for name in re.findall(r"[a-z_]+(?:\.[a-z_]+)*", line)}


def entered_modules(parts: Runtime, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The modules of app with functions that run during the walk of a chunk of issues."""
    files: set[str] = set()
    is_on = False

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        if is_on and event == "call":
            files.add(frame.f_code.co_filename)

    def claim(*args: Any, **options: Any) -> Any:
        nonlocal is_on
        chunks = real_claim(*args, **options)
        is_on = bool(chunks) and chunks[0].entity == "issue"
        return chunks

    real_claim = claims.claim
    monkeypatch.setattr(claims, "claim", claim)
    tenant_id = a_paired_site(parts)[0].tenant_id
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    worker = BackfillWorker(parts.store, FakeSites(FakeSite(30)), tenant_id, 1, 1)  # type: ignore[arg-type]  # a fake wire
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        for _ in range(3):
            worker.work(until=clock.now() + timedelta(seconds=30))
            with parts.store.bound_to(tenant_id) as session:
                session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting").values(due_at=clock.now()))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    app = f"{ROOT / 'app'}/"
    return {
        file.removeprefix(app).removesuffix(".py").replace("/", ".").removeprefix("ingest.")
        for file in files
        if file.startswith(app)
    }


def test_a_backfilled_issue_crosses_the_modules_that_are_drawn(parts: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    names = drawn_modules()
    assert len(names) <= MOST_MODULES
    modules = entered_modules(parts, monkeypatch) - LOOKUPS
    assert "backfill.walk" in modules
    assert "sources.cloud.issues" in modules
    extra_modules = {
        name
        for name in modules
        if not any(name == drawn_name or name.endswith(f".{drawn_name}") for drawn_name in names)
    }
    assert extra_modules == set()


def test_the_drawings_name_modules_that_exist() -> None:
    modules = [
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
        for folder in ("app", "workers")
        for path in (ROOT / folder).rglob("*.py")
    ]
    unknown_names = [
        name for name in drawn_modules() if not any(f".{module}".endswith(f".{name}") for module in modules)
    ]
    assert unknown_names == []
