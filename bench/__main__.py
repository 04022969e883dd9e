"""`python -m bench [NAME …]`: run the benchmarks, print a table, write bench/results.json."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import bench
from bench.figure import Figure, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESULTS = Path(__file__).with_name("results.json")


def runs() -> Iterator[tuple[str, Callable[[], list[Figure]]]]:
    """Every module that measures something."""
    for found in pkgutil.iter_modules(bench.__path__):
        if found.name != "__main__":
            run = getattr(importlib.import_module(f"bench.{found.name}"), "run", None)
            if run is not None:
                yield found.name, run


def main(wanted: list[str]) -> None:
    """Run them one after the other; they would measure each other otherwise."""
    known = dict(runs())
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
    figures: list[Figure] = []
    for name, run in known.items():
        if not wanted or name in wanted:
            measured = run()
            sys.stdout.write(f"{table(measured)}\n")
            sys.stdout.flush()
            figures += measured
    found = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),  # noqa: TID251 - a record of this run, not the product's time
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "figures": [asdict(figure) for figure in figures],
    }
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"written to {RESULTS.parent.name}/{RESULTS.name}\n")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME")
    main(asked.parse_args().names)
