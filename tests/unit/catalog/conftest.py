"""The recorded payloads, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.catalog.recorded import FOLDERS, Recordings, taken

if TYPE_CHECKING:
    from app.catalog.extract import Row, TopUp


@pytest.fixture(scope="session")
def recordings() -> Recordings:
    """The folder of recordings."""
    root = next((folder for folder in FOLDERS if folder.is_dir()), None)
    if root is None:
        pytest.skip(f"the recorded payloads are not here; looked in {', '.join(map(str, FOLDERS))}")
    return Recordings(root)


@pytest.fixture(scope="session")
def cloud(recordings: Recordings) -> list[Row | TopUp]:
    """All that the issues of both recorded boards give."""
    pages = [recordings.items(f"cloud/rest/agile/1.0/board/{board}/issue.json", "issues") for board in (8, 93)]
    return [found for bodies in pages for found in taken("issue", bodies)]
