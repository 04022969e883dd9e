"""The recorded payloads, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.catalog.recorded import Recordings, parts_of

if TYPE_CHECKING:
    from pathlib import Path

    from app.catalog.extract import Row, TopUp


@pytest.fixture(scope="session")
def recordings(recordings: Path) -> Recordings:
    """The folder of recordings, read."""
    return Recordings(recordings)


@pytest.fixture(scope="session")
def cloud(recordings: Recordings) -> list[Row | TopUp]:
    """Everything extracted from the issues of both recorded boards."""
    pages = [recordings.items(f"cloud/rest/agile/1.0/board/{board}/issue.json", "issues") for board in (8, 93)]
    return [part for bodies in pages for part in parts_of("issue", bodies)]
