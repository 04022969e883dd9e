"""`make audit`: ask the advisory databases about every locked version, where a network lets us.

Exit status 0: nothing known, or nobody could be asked (it says which); 1: something is known. The floor that holds
without a network is `advisories.json`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TOOL = "pip-audit@2.10.1"
LOCK = "requirements-dev.lock"


def findings(output: str) -> list[str] | None:
    """What an audit found, or None where its output is no answer."""
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    return [
        f"{each['name']} {each['version']}: {found['id']} ({', '.join(found['aliases'])}),"
        f" fixed in {', '.join(found['fix_versions'])}"
        for each in dependencies
        for found in each.get("vulns", ())
    ]


def main() -> int:
    """Run the audit. Returns the exit status."""
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "tool", "run", TOOL, "--no-deps", "--disable-pip", "--format", "json", "-r", LOCK]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        output, trouble = done.stdout, done.stderr
    except OSError as error:
        output, trouble = "", str(error)
    found = findings(output)
    if found is None:
        sys.stdout.write(f"NOT AUDITED: no answer from {TOOL}.\n{trouble[-2000:]}\n")
        return 0
    sys.stdout.write("\n".join([*found, f"{len(found)} known vulnerabilities in {LOCK}."]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
