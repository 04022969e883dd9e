"""`make soak`: tests that take too long for `make test`. `python -m tests.soak --help` lists them."""

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
    """Run the chosen soak. Returns the exit status."""
    options = _parser().parse_args()
    # An interrupted soak must unwind, to stop the processes that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.kind == "storm":
        return storm.main(storm.Weather(**{parameter.name: getattr(options, parameter.name) for parameter in _WEATHER}))
    if options.kind == "crashes":
        with simulated(options.issues) as site:
            return crashes.report(crashes.crashes(site, options.runs, options.seed))
    if options.kind == "faults":
        with simulated(options.issues) as site:
            return faults.report(faults.faults(site, seed=options.seed))
    if options.kind == "fairness":
        with simulated(options.small) as small, simulated(options.large) as large:
            for site in (small, large):
                site.reset(latency_ms=options.latency)
            return fairness.report(fairness.fairness(small, large, runs=options.runs), small, large)
    # This site has no hourly quota; with Atlassian's 65,000 points the backfill would rightly wait for the next hour.
    os.environ.setdefault("APP_POINTS_PER_HOUR", "1000000")
    return 1 if completeness(options.issues, options.latency) else 0


_WEATHER = dataclasses.fields(storm.Weather)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    whole = kinds.add_parser("completeness", help="a site of 20,000 issues against its own truth")
    whole.add_argument("--issues", type=int, default=20_000)
    whole.add_argument("--latency", type=int, default=0, help="ms before every answer")
    weather = kinds.add_parser("storm", help="thousands of changes while webhooks are lost and repeated")
    for parameter in _WEATHER:
        name = "--" + parameter.name.removesuffix("_s").removesuffix("_ms").replace("_", "-")
        weather.add_argument(name, dest=parameter.name, type=type(parameter.default), default=parameter.default)
    crash = kinds.add_parser("crashes", help="a process dies by SIGKILL in each of a hundred backfills")
    crash.add_argument("--runs", type=int, default=100)
    crash.add_argument("--seed", type=int, default=1, help="of the first run; each run has the next one")
    crash.add_argument("--issues", type=int, default=3000)
    fault = kinds.add_parser("faults", help="one request in five is answered wrongly")
    fault.add_argument("--issues", type=int, default=5000)
    fault.add_argument("--seed", type=int, default=1, help="chooses the requests that are answered wrongly")
    fair = kinds.add_parser("fairness", help="a small site beside a large one, over alone")
    fair.add_argument("--small", type=int, default=200)
    fair.add_argument("--large", type=int, default=200_000)
    fair.add_argument("--latency", type=int, default=80, help="ms before every answer")
    fair.add_argument("--runs", type=int, default=5)
    return parser


if __name__ == "__main__":
    sys.exit(main())
