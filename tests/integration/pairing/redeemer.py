"""A process that redeems a password, for tests that need real parallelism or a real crash.

Arguments: database URL, redis URL, tenant id, password, number of attempts, place of the crash (`-`: none).
It prints one word per attempt.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
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
    database_url, redis_url, tenant, otp, tries, dies_at = sys.argv[1:]
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

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(8) as pool:
        sys.stdout.write(" ".join(pool.map(attempt, range(int(tries)))))


if __name__ == "__main__":
    main()
