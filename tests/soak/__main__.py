"""`make soak`: what takes longer than `make test` may. `python -m tests.soak --help` lists them."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys

from bench.simulator import simulated
from tests.soak import crashes, fairness, faults, storm
from tests.soak.completeness import completeness


def main() -> int:
    """Run the soak that was named. Returns the exit status."""
    asked = _parser().parse_args()
    # So that a soak that is stopped takes along what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if asked.what == "storm":
        return storm.main(storm.Weather(**{each.name: getattr(asked, each.name) for each in _WEATHER}))
    if asked.what == "crashes":
        with simulated(asked.issues) as site:
            return crashes.told(crashes.crashes(site, asked.runs, asked.seed))
    if asked.what == "faults":
        with simulated(asked.issues) as site:
            return faults.told(faults.faults(site, seed=asked.seed))
    if asked.what == "fairness":
        with simulated(asked.small) as small, simulated(asked.large) as large:
            for each in (small, large):
                each.reset(latency_ms=asked.latency)
            return fairness.told(fairness.fairness(small, large, runs=asked.runs), small, large)
    # The site here counts no hour's points; with Atlassian's 65,000 the backfill would wait for the next hour, rightly.
    os.environ.setdefault("APP_POINTS_PER_HOUR", "1000000")
    return 1 if completeness(asked.issues, asked.latency) else 0


_WEATHER = dataclasses.fields(storm.Weather)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    kinds = parser.add_subparsers(dest="what", required=True)
    whole = kinds.add_parser("completeness", help="a site of 20,000 issues against its own truth")
    whole.add_argument("--issues", type=int, default=20_000)
    whole.add_argument("--latency", type=int, default=0, help="ms before every answer")
    weather = kinds.add_parser("storm", help="thousands of changes while webhooks are lost and repeated")
    for each in _WEATHER:
        name = "--" + each.name.removesuffix("_s").removesuffix("_ms").replace("_", "-")
        weather.add_argument(name, dest=each.name, type=type(each.default), default=each.default)
    dying = kinds.add_parser("crashes", help="a process dies by SIGKILL in each of a hundred backfills")
    dying.add_argument("--runs", type=int, default=100)
    dying.add_argument("--seed", type=int, default=1, help="of the first run; each run has the next one")
    dying.add_argument("--issues", type=int, default=3000)
    wrong = kinds.add_parser("faults", help="one request in five is answered wrongly")
    wrong.add_argument("--issues", type=int, default=5000)
    wrong.add_argument("--seed", type=int, default=1, help="of which requests are answered wrongly")
    fair = kinds.add_parser("fairness", help="a small site beside a large one, over alone")
    fair.add_argument("--small", type=int, default=200)
    fair.add_argument("--large", type=int, default=200_000)
    fair.add_argument("--latency", type=int, default=80, help="ms before every answer")
    fair.add_argument("--runs", type=int, default=5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
