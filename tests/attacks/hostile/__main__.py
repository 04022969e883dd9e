"""The long series of hostile requests: `python -m tests.attacks.hostile 10000`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from random import Random

from app import embedded
from tests import databases
from tests.attacks.hostile.hail import FLAT, check_log, field_of_fire, hail
from tests.attacks.hostile.tokens import Forger


def main(count: int, seed: int) -> int:
    """Run the long series. Returns the exit status."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(embedded.running(folder / "servers", postgres=True, valkey=True))
        databases.prepare(str(servers.database_url))
        url = databases.create(str(servers.database_url), "hostile")
        ground = stack.enter_context(field_of_fire(url, str(servers.redis_url), folder / "app.log"))
        before = set(ground.workers())
        outcome = hail(ground, seed, count)
        accidents = check_log(ground)
        say(str(outcome))
        for line in (*outcome.successes, *outcome.failures, *outcome.leaks, *accidents)[:30]:
            say(f"  ! {line}")
        is_alive = set(ground.workers()) == before and ground.is_ready()
        good = ground.opens_for_good_tokens(Forger(ground.site, ground.other_site, Random(seed)))
        say(f"  workers restarted: {'no' if is_alive else 'YES'}; good requests afterwards: {good}")
    is_good = (
        not (outcome.successes or outcome.failures or outcome.leaks or accidents)
        and outcome.growth <= FLAT
        and is_alive
    )
    return 0 if is_good and set(good.values()) <= {200, 204} else 1


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=20261124)
    options = parser.parse_args()
    sys.exit(main(options.count, options.seed))
