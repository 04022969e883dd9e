"""The datasets by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.datasets.recorded_cloud import acme
from sandbox.datasets.recorded_data_center import data_center
from sandbox.datasets.seeding import seeded

if TYPE_CHECKING:
    from sandbox.world import World

NAMES = ("auto", "recordings", "recordings-dc", "seeded")
DEFAULT_RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings"


def open_dataset(
    name: str = "auto", *, seed: int = 1, issues: int = 300, projects: int = 6, recordings: Path | None = None
) -> World:
    """Return a fresh world. `auto` means the recordings if present, else the seeded site."""
    folder = recordings or DEFAULT_RECORDINGS
    if name == "auto":
        name = "recordings" if (folder / "index.json").is_file() else "seeded"
    if name == "recordings":
        return acme(folder)
    if name == "recordings-dc":
        return data_center(folder)
    if name == "seeded":
        return seeded(seed, issues, projects)
    message = f"dataset {name!r} is none of {', '.join(NAMES)}"
    raise ValueError(message)
