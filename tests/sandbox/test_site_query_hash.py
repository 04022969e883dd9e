"""The published vectors of the query string hash."""

import json
from pathlib import Path

import pytest

from sandbox.connect.query_hash import accepted_hashes, canonical, query_hash

VECTORS = json.loads((Path(__file__).parent / "query_hash_vectors.json").read_text("utf-8"))


def test_all_published_vectors_are_here() -> None:
    assert len(VECTORS) == 39


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, str]) -> None:
    path, _, query = vector["target"].partition("?")
    request = (vector["method"], path, query, vector["base"])
    assert canonical(*request) == vector["canonical"]
    assert query_hash(*request) == vector["hash"]
    assert vector["hash"] in accepted_hashes(*request)
    assert vector.get("variant", vector["hash"]) in accepted_hashes(*request)
