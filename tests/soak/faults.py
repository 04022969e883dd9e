"""A site that answers one request in five wrongly, in every documented way: the backfill ends equal to its truth.

And it is never asked before the time that it named, in the scope that the refusal was about.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.ingest import differences
from bench.site.faults import FORMS
from tests.soak.report import Bar, say
from tests.soak.stand import pause, standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.simulator import Simulator

RATES = {
    "busy": 0.016,
    "unavailable": 0.004,
    "down": 0.004,
    "html": 0.004,
    "hang": 0.002,
    "cut": 0.006,
    "drop": 0.004,
    **dict.fromkeys(("repeat", "early_end", "expired", "empty"), 0.04),
}
"""A fifth of all requests together. The last four befall pages alone; to other requests the others happen more often."""
ALL = tuple(form.name for form in FORMS)
RETRY_AFTER = 3
PATIENCE = 1800.0


@dataclass
class Result:
    """How a backfill ended, and what the site saw."""

    seconds: float
    state: str
    wrong: list[str]
    counted: dict[str, Any]

    @property
    def kinds(self) -> dict[str, int]:
        found: dict[str, int] = self.counted["faults"]
        return {kind: found.get(kind, 0) for kind in RATES}

    @property
    def forms(self) -> dict[str, int]:
        found: dict[str, int] = self.counted["faults"]
        return {form.name: found.get(f"busy: {form.name}", 0) for form in FORMS}


def faults(
    site: Simulator,
    *,
    share: float = 1.0,
    retry_after: int = RETRY_AFTER,
    hang_seconds: float = 30.0,
    forms: Sequence[str] = ALL,
    seed: int = 1,
) -> Result:
    """One backfill of a site that is like that all the time, or, with `share`, at so much of the rates."""
    rates = {kind: share * rate for kind, rate in RATES.items()}
    site.reset(rates=rates, retry_after=retry_after, hang_seconds=hang_seconds, forms=forms, seed=seed)
    with standing("worker", "clock") as stand, Bar("issues", site.issues) as bar:
        installed, integration = stand.pair(site.url)
        began, shown = time.monotonic(), 0
        stand.begin(installed.tenant_id)
        while not stand.is_verified(integration) and time.monotonic() < began + PATIENCE:
            pause(0.5)
            done = stand.stored_of(installed.tenant_id)
            if done - shown >= site.issues / 10:
                bar.advance(f"{done} issues after {time.monotonic() - began:.0f} s", done - shown)
                shown = done
        seconds, counted = time.monotonic() - began, site.counters()
        state, is_verified, reason = stand.standing(integration)
        wrong = [] if is_verified else [f"not verified complete: {state}: {reason}"]
        return Result(seconds, state, wrong + differences(stand.database_url, site), counted)


def told(result: Result) -> int:
    """Say how it went. Returns 0 where all is as it must be."""
    faulty, requests = sum(result.kinds.values()), result.counted["requests"] + result.counted["faults"].get("hang", 0)
    say(", ".join(f"{kind} {count}" for kind, count in result.kinds.items()))
    say("429: " + ", ".join(f"{form} {count}" for form, count in result.forms.items()))
    say(f"{faulty} of {requests} requests were answered wrongly ({100 * faulty / requests:.1f} %)")
    say("; ".join([f"{len(result.counted['early'])} requests were sent before their time", *result.counted["early"]]))
    for each in result.wrong:
        say(each)
    end = "equal to the site's truth" if not result.wrong else "DIFFERENT"
    say(f"verified after {result.seconds:.0f} s, {end}")
    return 1 if result.wrong or result.counted["early"] else 0
