"""The state of the site: issues, boards, sprints and configuration, as Jira objects.

Datasets build a `World`, changes write to it, everything else reads it. Records are immutable, so readers need no lock.
"""

from sandbox.world.objects import FIRST_FILTER, Board, Catalogue, Entries, Issue
from sandbox.world.world import Watcher, World

__all__ = ["FIRST_FILTER", "Board", "Catalogue", "Entries", "Issue", "Watcher", "World"]
