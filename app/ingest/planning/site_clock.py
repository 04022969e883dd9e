"""The difference of a site's clock from ours, measured from the `Date` of its answers.

Bounds of queries are by the site's clock, and so are the watermarks of most cursors. A clock that steps back dates new changes
before a watermark, so its cursors step back as far.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from app.store.schema import TENANTS
from app.store.sync_tables import CURSORS

if TYPE_CHECKING:
    from datetime import datetime

    from app.store.session import Session

_LEAST_STEP = timedelta(minutes=1)
"""Smaller steps are the age of an answer and the second to which `Date` is rounded; polls overlap by more."""
_CURSORS = ("issues", "worklog/updated", "worklog/deleted", "failed webhooks")
"""Cursors with a watermark by the site's clock."""


def skew(session: Session) -> timedelta | None:
    """The site's clock less ours at the last measurement; None before the first."""
    query = select(TENANTS.c.clock_skew_ms).where(TENANTS.c.id == session.tenant_id)
    milliseconds = session.execute(query).scalar_one()
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)


def measure(session: Session, *, site_time: datetime | None, sent_at: datetime) -> timedelta:
    """Store the difference that an answer shows. Returns the distance by which the clock, and its cursors, stepped back."""
    if site_time is None:
        return timedelta()
    new_skew = site_time - sent_at
    step_back = (skew(session) or timedelta()) - new_skew
    values = {"clock_skew_ms": _ms_of(new_skew)}
    session.execute(update(TENANTS).where(TENANTS.c.id == session.tenant_id).values(values))
    if step_back < _LEAST_STEP:
        return timedelta()
    is_ahead = (CURSORS.c.name.in_(_CURSORS), CURSORS.c.reached > 0)
    earlier = func.greatest(CURSORS.c.reached - _ms_of(step_back), 1)
    session.execute(update(CURSORS).where(*is_ahead).values(reached=earlier))
    return step_back


def _ms_of(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
