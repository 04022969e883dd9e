"""The long hail of hostile requests: `python -m tests.attacks.hostile 10000`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from random import Random

from app import embedded
from tests.attacks.hostile.hail import FLAT, check_log, database_of_its_own, field_of_fire, hail
from tests.attacks.hostile.tokens import Forger


def main(count: int, seed: int) -> int:
    """The long form. Returns the exit status."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(embedded.running(folder / "servers", postgres=True, valkey=True))
        url = database_of_its_own(str(servers.database_url))
        ground = stack.enter_context(field_of_fire(url, str(servers.redis_url), folder / "app.log"))
        before = set(ground.workers())
        outcome = hail(ground, seed, count)
        accidents = check_log(ground)
        say(str(outcome))
        for line in (*outcome.accepted, *outcome.failed, *outcome.told, *accidents)[:30]:
            say(f"  ! {line}")
        is_alive = set(ground.workers()) == before and ground.is_ready()
        good = ground.opens_for_good_tokens(Forger(ground.site, ground.other, Random(seed)))
        say(f"  workers restarted: {'no' if is_alive else 'YES'}; good requests afterwards: {good}")
    is_good = (
        not (outcome.accepted or outcome.failed or outcome.told or accidents) and outcome.growth <= FLAT and is_alive
    )
    return 0 if is_good and set(good.values()) <= {200, 204} else 1


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("count", type=int, nargs="?", default=10_000)
    asked.add_argument("--seed", type=int, default=20261124)
    given = asked.parse_args()
    sys.exit(main(given.count, given.seed))
