"""`make soak`: what takes longer than `make test` may. `python -m tests.soak completeness --issues 20000`."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

from app import embedded
from sandbox import Options, Site, SiteKey, serve
from tests.soak import storm
from tests.soak.truth import differences
from tests.story.processes import running_app


def completeness(issues: int, latency_ms: int) -> int:
    """One backfill of a large site; every entity must equal the site's truth by count and checksum."""
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


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("what", choices=["completeness", "storm"])
    parser.add_argument("--issues", type=int, help="of the site: 20,000, in a storm 2,000")
    parser.add_argument("--latency", type=int, default=0, help="milliseconds that the site takes for an answer")
    for each in dataclasses.fields(storm.Weather):
        if each.name not in {"issues", "latency_ms"}:
            name = "--" + each.name.removesuffix("_s").replace("_", "-")
            parser.add_argument(name, dest=each.name, type=type(each.default), default=each.default)
    asked = parser.parse_args()
    if asked.what == "storm":
        given = {
            each.name: getattr(asked, each.name)
            for each in dataclasses.fields(storm.Weather)
            if hasattr(asked, each.name)
        }
        return storm.main(storm.Weather(**given | {"issues": asked.issues or 2000, "latency_ms": asked.latency}))
    # The site here counts no hour's points; with Atlassian's 65,000 the backfill would wait for the next hour, rightly.
    os.environ.setdefault("APP_POINTS_PER_HOUR", "1000000")
    return 1 if completeness(asked.issues or 20_000, asked.latency) else 0


if __name__ == "__main__":
    sys.exit(main())
