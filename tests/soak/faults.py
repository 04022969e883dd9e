"""A site that answers one request in five wrongly, in every documented way: the backfill ends equal to its truth.

It never gets a request in the scope of a refusal before the time that the refusal named.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.checksums import differences
from bench.site.faults import FORMS
from tests.soak.report import Bar, say
from tests.soak.stand import pause, running_stand

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
"""A fifth of all requests together. The last four concern pages only; other requests get the others more often."""
ALL_FORMS = tuple(form.name for form in FORMS)
RETRY_AFTER = 3
PATIENCE = 1800.0


@dataclass
class Result:
    """The end of a backfill and the site's counters."""

    seconds: float
    state: str
    problems: list[str]
    counters: dict[str, Any]

    @property
    def kinds(self) -> dict[str, int]:
        counts: dict[str, int] = self.counters["faults"]
        return {kind: counts.get(kind, 0) for kind in RATES}

    @property
    def forms(self) -> dict[str, int]:
        counts: dict[str, int] = self.counters["faults"]
        return {form.name: counts.get(f"busy: {form.name}", 0) for form in FORMS}


def faults(
    site: Simulator,
    *,
    share: float = 1.0,
    retry_after: int = RETRY_AFTER,
    hang_seconds: float = 30.0,
    forms: Sequence[str] = ALL_FORMS,
    seed: int = 1,
) -> Result:
    """Backfill a site that fails at these rates, multiplied by `share`."""
    rates = {kind: share * rate for kind, rate in RATES.items()}
    site.reset(rates=rates, retry_after=retry_after, hang_seconds=hang_seconds, forms=forms, seed=seed)
    with running_stand("worker", "clock") as stand, Bar("issues", site.issues) as bar:
        installation, integration = stand.pair(site.url)
        start, count_on_bar = time.monotonic(), 0
        stand.begin(installation.tenant_id)
        while not stand.is_verified(integration) and time.monotonic() < start + PATIENCE:
            pause(0.5)
            count = stand.stored_of(installation.tenant_id)
            if count - count_on_bar >= site.issues / 10:
                bar.advance(f"{count} issues after {time.monotonic() - start:.0f} s", count - count_on_bar)
                count_on_bar = count
        seconds, counters = time.monotonic() - start, site.counters()
        state, is_verified, reason = stand.status(integration)
        problems = [] if is_verified else [f"not verified complete: {state}: {reason}"]
        return Result(seconds, state, problems + differences(stand.database_url, site), counters)


def report(result: Result) -> int:
    """Print the counters and differences. Returns the exit status."""
    faulty, requests = (
        sum(result.kinds.values()),
        result.counters["requests"] + result.counters["faults"].get("hang", 0),
    )
    say(", ".join(f"{kind} {count}" for kind, count in result.kinds.items()))
    say("429: " + ", ".join(f"{form} {count}" for form, count in result.forms.items()))
    say(f"{faulty} of {requests} requests were answered wrongly ({100 * faulty / requests:.1f} %)")
    say("; ".join([f"{len(result.counters['early'])} requests were sent before their time", *result.counters["early"]]))
    for difference in result.problems:
        say(difference)
    end = "equal to the site's truth" if not result.problems else "DIFFERENT"
    say(f"verified after {result.seconds:.0f} s, {end}")
    return 1 if result.problems or result.counters["early"] else 0
