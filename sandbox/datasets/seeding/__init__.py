"""A generated site of any size: equal seeds give equal sites. Needs no recordings."""

from sandbox.datasets.seeding.build import seeded

__all__ = ["seeded"]
