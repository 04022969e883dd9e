"""Initial worlds: recorded payloads, or a seeded site of any size."""

from sandbox.datasets.registry import DEFAULT_RECORDINGS, NAMES, open_dataset

__all__ = ["DEFAULT_RECORDINGS", "NAMES", "open_dataset"]
