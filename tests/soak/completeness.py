"""One backfill of a large site: every entity must equal the site's truth by count and checksum."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

from app import embedded
from sandbox import Options, Site, SiteKey, serve
from tests.soak.report import say
from tests.soak.truth import differences
from tests.story.processes import running_app


def completeness(issues: int, latency_ms: int) -> int:
    """Backfill a site and compare it. Returns the number of entities that differ."""
    key = SiteKey.generate()
    site = Site(dataset="seeded", seed=20, issues=issues, projects=12, key=key, options=Options(latency_ms=latency_ms))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(embedded.running(folder, postgres=True, valkey=True))
        stack.enter_context(serve(site))
        app = stack.enter_context(
            running_app(
                database_url=str(servers.database_url),
                redis_url=str(servers.redis_url),
                install_keys_url=site.install_keys_url,
                log=folder / "app.log",
            )
        )
        site.lifecycle.app_url = app.url
        start = time.monotonic()
        app.wait_until_verified(app.pair(site), patience=1800)
        seconds = time.monotonic() - start
        traffic = site.traffic.as_json()
        points = traffic["points"] / issues
        say(f"{issues} issues in {seconds:.1f} s, {issues / seconds:.0f} a second, {traffic['requests']} requests,")
        say(f"{points:.3f} points an issue with top-ups, at most {traffic['max_concurrency']} requests at once")
        problems = differences(str(servers.database_url), site)
    for problem in problems:
        say(problem)
    say("equal to the site's truth" if not problems else "DIFFERENT")
    return len(problems)
