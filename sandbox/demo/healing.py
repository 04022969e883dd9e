"""The steps of the difficult site: the parts that can't be had, and their return as the oddities heal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.table import Table

from sandbox.demo import journey
from sandbox.demo.product import console, say, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.damage import Damage
    from sandbox.demo.product import Api
    from sandbox.site import Site

_SYNC_PAUSE_S = 5.0
"""One sync tries a limited number of parts again."""


def show_unreadable(api: Api, integration: str) -> None:
    """Show the list of parts that can't be had, as the page Data does."""
    parts = unreadable(api, integration)
    table = Table("part", "of", "why", "remedy", title="Parts that can’t be had", title_justify="left")
    for part in parts:
        table.add_row(part["entity"], part["scope"] or "the site", part["message"], part["remedy"])
    console.print(table)
    say("unreadable", f"{len(parts)} parts, each with its reason; everything else is verified")
    say("left out", f"{values_left_out(api, integration)} single values, whose rows are there")


def heal(site: Site, damages: Mapping[str, Damage], api: Api, integration: str) -> None:
    """Heal one group of oddities after another; the findings of each clear after a sync."""
    for group, damage in damages.items():
        before = len(unreadable(api, integration))
        damage.heal(site)
        parts = {(part.entity, part.scope_id) for part in damage.parts}
        start = last_sync = time.monotonic()
        sync(api, integration)

        def is_clear(parts: set[tuple[str, str]] = parts) -> bool:
            nonlocal last_sync
            if time.monotonic() > last_sync + _SYNC_PAUSE_S:
                last_sync = time.monotonic()
                sync(api, integration)
            return not parts & {(part["entity"], part["scope_id"]) for part in unreadable(api, integration)}

        wait_for(f"the findings about {group} to clear", is_clear, pause_s=0.5)
        count = len(unreadable(api, integration))
        say("healed", f"{group}: {before} → {count} unreadable parts after {time.monotonic() - start:.0f} s")
    wait_for("every value to arrive", lambda: values_left_out(api, integration) == 0, pause_s=1)
    wait_for("every row to arrive", lambda: journey.is_whole(site, api, integration), pause_s=1)
    say("whole", "nothing is unreadable or left out any more")


def unreadable(api: Api, integration: str) -> list[dict[str, Any]]:
    """The parts that the product names as unreadable."""
    parts: list[dict[str, Any]] = api.call("GET", f"/integrations/{integration}/completeness").json()["unreadable"]
    return parts


def values_left_out(api: Api, integration: str) -> int:
    """The number of values that could not be kept."""
    return int(api.call("GET", f"/integrations/{integration}/progress").json()["values_left_out"])


def sync(api: Api, integration: str) -> None:
    """Ask for the site's changes now, as the button does."""
    api.call("POST", f"/integrations/{integration}/sync", json={})
