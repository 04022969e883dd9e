"""Starts the product's processes as forks of one that has imported it: its imports take longer than most tests.

`python -m tests.story.fork_server FD` is that process. It takes orders on the socket FD and ends with the socket.
A fork has environment, session, output and `__main__` of a process of its own, except for its command line in `ps`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MODULES = ("app.web.commands", "app.web.serve", "workers.job", "workers.pool", "workers.timekeeping")
"""All that `app` and `workers` import, except for their own `__main__`."""
LARGEST_ORDER = 1 << 20
PAUSE_S = 0.02


class Fork:
    """A started process; implements the part of `subprocess.Popen` that the stories use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _ask(wait_for=self.pid)
        return self.returncode

    def wait(self, timeout: float = 3600) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout)
            time.sleep(PAUSE_S)
        return status

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


def start(module: str, *words: str, env: dict[str, str], output: Path) -> Fork:
    """Run `python -m module words` in a session of its own, with its output at the end of a file."""
    return Fork(_ask(module=module, words=words, env=env, output=str(output)))


def _ask(**order: Any) -> Any:
    channel = _channel()
    channel.send(json.dumps(order).encode())
    return json.loads(channel.recv(LARGEST_ORDER))


@cache
def _channel() -> socket.socket:
    """The socket of this test run's server, started by its first use."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST_ORDER)
    with theirs:
        command = [sys.executable, "-u", "-m", "tests.story.fork_server", str(theirs.fileno())]
        server = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])

    @atexit.register
    def stop() -> None:
        ours.close()
        server.wait()

    return ours


# The server's side


def main(fd: int) -> None:
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    channel = socket.socket(fileno=fd)
    while message := channel.recv(LARGEST_ORDER):
        order = json.loads(message)
        reply = _status(order["wait_for"]) if "wait_for" in order else _fork(channel, **order)
        channel.send(json.dumps(reply).encode())


def _status(pid: int) -> int | None:
    """The exit status of a fork, None while it runs."""
    ended_pid, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended_pid else None


def _fork(channel: socket.socket, **order: Any) -> int:
    """Fork once. Returns the process id, as soon as the fork has its session."""
    ready, is_ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        channel.close()
        os.close(ready)
        os.setsid()
        os.close(is_ready)
        _run(**order)
    os.close(is_ready)
    os.read(ready, 1)
    os.close(ready)
    return pid


def _run(module: str, words: list[str], env: dict[str, str], output: str) -> None:
    """Become `python -m module words`; processes that it forks itself come back here when they end."""
    status = 1
    try:
        fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(fd, 1)
        os.dup2(fd, 2)
        os.close(fd)
        os.environ.clear()
        os.environ.update(env)
        sys.argv = [module, *words]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the end of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]))
