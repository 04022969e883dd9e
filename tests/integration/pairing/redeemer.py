"""Processes that redeem a password, for tests that need real parallelism or a real crash.

Arguments: database URL, redis URL, password, number of attempts, place of the crash (`-`: none), tenant ids. Each tenant
has a process, forked from this one. It prints one word per attempt.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from uuid import UUID

from app import logs, runtime
from app.errors import AppError
from app.pairing import redeem
from tests.conftest import a_settings


class _Unlimited:
    """No limit: these tests concern the password."""

    def count_redemption(self, *_: object) -> None:
        pass

    def forgive(self, *_: object) -> None:
        pass


def main() -> None:
    database_url, redis_url, otp, tries, dies_at, *tenants = sys.argv[1:]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    all_arguments = [(database_url, redis_url, otp, int(tries), dies_at, tenant) for tenant in tenants]
    if len(tenants) == 1:
        words = [attempts(*all_arguments[0])]
    else:
        with get_context("fork").Pool(len(tenants)) as pool:
            words = pool.starmap(attempts, all_arguments, chunksize=1)
    sys.stdout.write(" ".join(words))


def attempts(database_url: str, redis_url: str, otp: str, tries: int, dies_at: str, tenant: str) -> str:
    """The outcomes of one tenant's attempts, in words."""
    logs.configure(is_production=True)
    parts = runtime.assemble(a_settings(), database_url=database_url, redis_url=redis_url)
    if dies_at == "before-commit":
        redeem._require_active = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    elif dies_at == "before-burn":
        parts.otp_store.burn = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
    redemption = parts.redemption
    redemption._attempts = _Unlimited()  # type: ignore[assignment]

    def attempt(number: int) -> str:
        try:
            redemption.redeem(UUID(tenant), f"admin-{number}", otp, replace=False)
        except AppError as error:
            return type(error).__name__
        return "paired"

    with ThreadPoolExecutor(8) as pool:
        return " ".join(pool.map(attempt, range(tries)))


if __name__ == "__main__":
    main()
