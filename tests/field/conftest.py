"""Fixtures of the field cases: the whole product running, and the odd sites that it reads."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox import Site, serve
from tests.field.cases import CASES, Case
from tests.story.conftest import a_site, app, key_host, story_database_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import SiteKey
    from sandbox.damage import Damage
    from tests.story.processes import RunningApp

__all__ = ["a_site", "app", "key_host", "story_database_url"]


@dataclass
class Played:
    """A case on its paired site."""

    site: Site
    damage: Damage
    integration: str


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, app: RunningApp, install_key: SiteKey) -> Iterator[dict[str, Played]]:
    """The site of each case of this run, paired at once: they are read beside each other, and beside the difficult site."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    run = {call.params["case"] for call in calls if call is not None and isinstance(call.params.get("case"), Case)}
    cases = {}
    with ExitStack() as servers:
        for number, case in enumerate(CASES):
            if case not in run:
                continue
            site = Site(app_url=app.url, key=install_key, dataset="seeded", issues=40, projects=2, seed=100 + number)
            servers.enter_context(serve(site))
            damage = case.spoil(site)
            site.options.oddities = list(damage.oddities)
            cases[case.name] = Played(site, damage, app.pair(site, case.name))
        yield cases
