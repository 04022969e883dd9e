"""Tables of entities are declared once per process."""

from __future__ import annotations

import subprocess
import sys

_RACE = """
import sys, threading
from app.store import tables

sys.setswitchinterval(1e-6)
errors, start = [], threading.Barrier(8)

def ask():
    start.wait()
    try:
        tables.entity_tables()
    except Exception as error:
        errors.append(error)

threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(errors)
"""


def test_the_first_calls_of_a_process_may_come_at_the_same_time() -> None:
    result = subprocess.run([sys.executable, "-c", _RACE], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"
