"""One worker serves thousands of sites within a few descriptors, and keeps the connections to those in use."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from requests.auth import AuthBase

from app.jira import wire
from app.jira.client import Connections, Site
from tests.fakes.limiter import open_gate

if TYPE_CHECKING:
    from collections.abc import Iterator

SITES = 2000
THREADS = 16
MOST_DESCRIPTORS = 200
HOSTS = ["http://*.sites.test:*"]
SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        body = b'{"port": %d}' % self.client_address[1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128

server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
"""Answers every name with the port of the client's connection. In a process of its own, its descriptors don't count."""


class Unsigned(AuthBase):
    """No signature."""

    def __call__(self, request: Any) -> Any:
        return request


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that has every name below sites.test; its address counts as public."""
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, *args: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if str(host).endswith(".sites.test") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)
    monkeypatch.setattr(wire, "is_public", lambda _address: True)
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.terminate()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def ask(connections: Connections, port: int, number: int) -> int:
    """Ask a site a question. Returns the port of our end of the connection."""
    site = Site(f"http://site-{number}.sites.test:{port}", Unsigned(), connections, HOSTS, open_gate())
    answer: Any = site.get("/rest/api/3/myself").body
    return int(answer["port"])


def test_two_thousand_sites_are_served_within_two_hundred_descriptors(port: int) -> None:
    connections, before = Connections("test", HOSTS), descriptors()
    peak = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, SITES, 100):
            list(pool.map(lambda number: ask(connections, port, number), range(start, start + 100)))
            peak = max(peak, descriptors())
    assert peak <= MOST_DESCRIPTORS
    assert peak - before <= wire.MOST_IDLE + THREADS


def test_many_connections_to_few_sites_are_within_the_limit_as_well(port: int) -> None:
    connections, before = Connections("test", HOSTS), descriptors()
    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(20):
            list(pool.map(lambda _, site=number: ask(connections, port, site), range(THREADS)))
    assert descriptors() - before <= wire.MOST_IDLE


def test_the_connection_to_a_site_in_use_stays_open(port: int) -> None:
    connections = Connections("test", HOSTS)
    ports = set()
    for number in range(200):
        ask(connections, port, number + 1)
        ports.add(ask(connections, port, 0))
    assert len(ports) == 1


def test_a_closed_connection_is_opened_again(port: int) -> None:
    connections = Connections("test", HOSTS)
    first = ask(connections, port, 0)
    for number in range(wire.MOST_IDLE + 1):
        ask(connections, port, number + 1)
    assert ask(connections, port, 0) != first
