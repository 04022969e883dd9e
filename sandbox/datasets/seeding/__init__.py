"""A site of any size out of a number: same seed, same site. Needs no recordings."""

from sandbox.datasets.seeding.build import seeded

__all__ = ["seeded"]
