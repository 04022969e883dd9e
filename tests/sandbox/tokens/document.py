"""Atlassian's OpenAPI documents: schemas of answers, scopes of resources."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft4Validator

if TYPE_CHECKING:
    from pathlib import Path

    import requests

_VARIABLE = re.compile(r"\{[^}]*\}")


def template_of(path: str) -> str:
    """A path without the names of its variables, because the sandbox names them differently."""
    return _VARIABLE.sub("{}", path)


@cache
def operations(folder: Path) -> dict[str, dict[str, Any]]:
    """Every operation of the documents in the folder, with references resolved on use, by `METHOD path`."""
    with gzip.open(folder / "jira-platform-v3.openapi.2026-03.json.gz", "rt", encoding="utf-8") as file:
        platform = json.load(file)
    software = json.loads((folder / "jira-software.openapi.2022-07.json").read_text(encoding="utf-8"))
    return {
        f"{method.upper()} {template_of(path)}": {**operation, "components": document["components"]}
        for document in (platform, software)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict)
    }


def problems(folder: Path, operation: str, answer: requests.Response) -> list[str]:
    """Contradictions between an answer and the schema of its operation.

    Real answers have properties and nulls that the schemas forbid; the notes beside the documents list them. Both are tolerated.
    """
    document = operations(folder)[operation]
    response = document["responses"].get(str(answer.status_code))
    if response is None:
        return [f"{answer.status_code} is not documented"]
    schema = response.get("content", {}).get("application/json", {}).get("schema")
    if not schema or not answer.content:
        return []
    validator = Draft4Validator({**_tolerant(schema), "components": _tolerant(document["components"])})
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in validator.iter_errors(answer.json())
        if error.instance is not None
    ]


def _tolerant(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_tolerant(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _tolerant(value) for name, value in schema.items() if (name, value) != ("additionalProperties", False)
    }
