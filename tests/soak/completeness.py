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
    """Returns how many entities differ."""
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
        began = time.monotonic()
        app.wait_until_verified(app.pair(site), patience=1800)
        took = time.monotonic() - began
        shown = site.traffic.shown()
        points = shown["points"] / issues
        say(f"{issues} issues in {took:.1f} s, {issues / took:.0f} a second, {shown['requests']} requests,")
        say(f"{points:.3f} points an issue with top-ups, at most {shown['max_concurrency']} requests at once")
        found = differences(str(servers.database_url), site)
    for each in found:
        say(each)
    say("equal to the site's truth" if not found else "DIFFERENT")
    return len(found)
