"""`python -m workers`: a pool of worker processes. `python -m workers clock`: the scheduler."""

from __future__ import annotations

import sys

from app import config, embedded, logs, runtime
from app.errors import UnsafeSettings
from workers import job
from workers.pool import Pool
from workers.timekeeping import keep_time


def main(role: str) -> int:
    """Run a role until stopped. Returns the exit status."""
    try:
        settings = config.load()
        logs.configure(is_production=settings.is_production)
        with runtime.servers(settings) as (database_url, redis_url):
            if role == "clock":
                keep_time(runtime.connect_redis(redis_url))
            else:
                job.use_servers(database_url, redis_url)
                Pool(runtime.connect_redis(redis_url), settings.worker_concurrency).start(logging_level="WARNING")
    except (UnsafeSettings, embedded.EmbeddedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "pool"))
