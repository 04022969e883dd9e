"""`python -m bench.site`: serve a site until the parent closes our input, or for ever on a terminal."""

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
    """Make the site, say where it is, serve."""
    asked = argparse.ArgumentParser(
        prog="python -m bench.site",
        description=__doc__,
        epilog="Faults: " + "; ".join(f"{kind}: {what}" for kind, what in KINDS.items()),
    )
    asked.add_argument("--issues", type=int, default=20_000)
    asked.add_argument("--latency-ms", type=float, default=0)
    asked.add_argument("--port", type=int, default=0)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--templates", type=int, default=2000, help="different issues; the rest are copies of them")
    asked.add_argument("--fault", type=_fault, action="append", default=[], metavar="KIND=RATE", help="may be repeated")
    asked.add_argument("--burst", type=int, help="requests a second and endpoint, beyond which a 429 is sent")
    asked.add_argument("--retry-after", type=int, default=1, help="seconds that a refusal asks for")
    asked.add_argument("--hang-seconds", type=float, default=30)
    given = asked.parse_args()
    faults = Faults(
        rates=dict(given.fault),
        burst=given.burst,
        retry_after=given.retry_after,
        hang_seconds=given.hang_seconds,
        seed=given.seed,
    )
    site = Site(World(given.issues, seed=given.seed, templates=given.templates), given.latency_ms / 1000, faults)
    # Templates are there to stay.
    gc.collect()
    gc.freeze()
    sys.stdout.write(f"{site.listen(given.port)}\n")
    sys.stdout.flush()
    if sys.stdin.isatty():
        threading.Event().wait()
    sys.stdin.read()


if __name__ == "__main__":
    main()
