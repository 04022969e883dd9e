"""One process inside `running`: prints the addresses as a line of JSON and leaves at the end of its input.

With a user id it becomes that user after its start, since other users can't run an interpreter below root's home, such
as pyenv's.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.embedded import EmbeddedError, running


def become(uid: int) -> None:
    """Drop root's rights permanently."""
    # Lazy imports of the clients must happen before.
    with suppress(redis.ConnectionError):
        redis.Redis(unix_socket_path="/nowhere", retry=Retry(NoBackoff(), 0)).ping()
    with suppress(psycopg.OperationalError):
        psycopg.connect(host="/nowhere")
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def main() -> None:
    """Enter, print the addresses, wait, leave."""
    var, user, services = sys.argv[1:]
    if user:
        become(int(user))
    try:
        with running(Path(var), postgres="postgres" in services, valkey="valkey" in services) as servers:
            if servers.database_url:
                psycopg.connect(servers.database_url).close()
            if servers.redis_url:
                redis.Redis.from_url(servers.redis_url).ping()
            print(json.dumps(asdict(servers)), flush=True)  # noqa: T201 - the line that the test waits for
            sys.stdin.read()
    except EmbeddedError as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201 - likewise


if __name__ == "__main__":
    main()
