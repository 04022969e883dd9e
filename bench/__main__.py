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
    """Yield the name and the `run` function of every benchmark."""
    for module in pkgutil.iter_modules(bench.__path__):
        if module.name != "__main__":
            run = getattr(importlib.import_module(f"bench.{module.name}"), "run", None)
            if run is not None:
                yield module.name, run


def main(names: list[str]) -> None:
    """Run benchmarks one after the other, because concurrent ones would distort each other."""
    benchmarks = dict(runs())
    unknown_names = set(names) - set(benchmarks)
    if unknown_names:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown_names))}. There are: {', '.join(benchmarks)}.")
    figures: list[Figure] = []
    for name, run in benchmarks.items():
        if not names or name in names:
            new_figures = run()
            sys.stdout.write(f"{table(new_figures)}\n")
            sys.stdout.flush()
            figures += new_figures
    results = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),  # noqa: TID251 - a record of this run, not the product's time
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "figures": [asdict(figure) for figure in figures],
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"written to {RESULTS.parent.name}/{RESULTS.name}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    main(parser.parse_args().names)
