"""A site of any size out of a number: same seed, same site. Needs no recordings."""

from sandbox.seeding.build import seeded

__all__ = ["seeded"]
