"""The recorded payloads, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.catalog.recorded import Recordings, taken

if TYPE_CHECKING:
    from pathlib import Path

    from app.catalog.extract import Row, TopUp


@pytest.fixture(scope="session")
def recordings(recordings: Path) -> Recordings:
    """The folder of recordings, read."""
    return Recordings(recordings)


@pytest.fixture(scope="session")
def cloud(recordings: Recordings) -> list[Row | TopUp]:
    """All that the issues of both recorded boards give."""
    pages = [recordings.items(f"cloud/rest/agile/1.0/board/{board}/issue.json", "issues") for board in (8, 93)]
    return [found for bodies in pages for found in taken("issue", bodies)]
