"""`make audit`: check every locked version against the advisory databases, if the network allows.

Exit status 0: no known vulnerability, or no answer (the output says which); 1: known vulnerabilities. `advisories.json`
is the minimum that holds without a network.
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
    """Vulnerabilities in an audit's output; None if the output is no answer."""
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    return [
        f"{dependency['name']} {dependency['version']}: {vulnerability['id']} ({', '.join(vulnerability['aliases'])}),"
        f" fixed in {', '.join(vulnerability['fix_versions'])}"
        for dependency in dependencies
        for vulnerability in dependency.get("vulns", ())
    ]


def main() -> int:
    """Run the audit. Returns the exit status."""
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "tool", "run", TOOL, "--no-deps", "--disable-pip", "--format", "json", "-r", LOCK]
    try:
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        output, trouble = process.stdout, process.stderr
    except OSError as error:
        output, trouble = "", str(error)
    known_vulnerabilities = findings(output)
    if known_vulnerabilities is None:
        sys.stdout.write(f"NOT AUDITED: no answer from {TOOL}.\n{trouble[-2000:]}\n")
        return 0
    sys.stdout.write(
        "\n".join([*known_vulnerabilities, f"{len(known_vulnerabilities)} known vulnerabilities in {LOCK}."]) + "\n"
    )
    return 1 if known_vulnerabilities else 0


if __name__ == "__main__":
    sys.exit(main())
