"""`python -m bench.site`: serve a site until the end of input, or forever on a terminal."""

from __future__ import annotations

import argparse
import gc
import sys
import threading

from bench.site.faults import KINDS, Faults
from bench.site.server import Site
from bench.site.world import World


def _fault(text: str) -> tuple[str, float]:
    kind, _, rate = text.partition("=")
    if kind not in KINDS:
        message = f"one of {', '.join(KINDS)}"
        raise argparse.ArgumentTypeError(message)
    return kind, float(rate)


def main() -> None:
    """Build the site, print its URL, serve."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.site",
        description=__doc__,
        epilog="Faults: " + "; ".join(f"{kind}: {description}" for kind, description in KINDS.items()),
    )
    parser.add_argument("--issues", type=int, default=20_000)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--templates", type=int, default=2000, help="different issues; all others are copies")
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="KIND=RATE", help="may be repeated"
    )
    parser.add_argument("--burst", type=int, help="requests per second and endpoint before a 429")
    parser.add_argument("--retry-after", type=int, default=1, help="waiting time of a refusal in seconds")
    parser.add_argument("--hang-seconds", type=float, default=30)
    arguments = parser.parse_args()
    faults = Faults(
        rates=dict(arguments.fault),
        burst=arguments.burst,
        retry_after=arguments.retry_after,
        hang_seconds=arguments.hang_seconds,
        seed=arguments.seed,
    )
    site = Site(
        World(arguments.issues, seed=arguments.seed, templates=arguments.templates), arguments.latency_ms / 1000, faults
    )
    # Templates live as long as the process.
    gc.collect()
    gc.freeze()
    sys.stdout.write(f"{site.listen(arguments.port)}\n")
    sys.stdout.flush()
    if sys.stdin.isatty():
        threading.Event().wait()
    sys.stdin.read()


if __name__ == "__main__":
    main()
