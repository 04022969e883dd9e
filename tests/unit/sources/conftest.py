"""Every registered source over recorded payloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from app.sources import Source
from app.sources.registry import SOURCES
from tests.fakes.recorded_site import RecordedSite
from tests.fakes.site import site_over
from tests.unit.catalog.recorded import Recordings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.jira.client import Site

SITE = "https://acme.atlassian.net"
"""The site of which every kind of answer was recorded."""


def verbs() -> set[str]:
    return {name for name in vars(Source) if not name.startswith("_")}


@dataclass(frozen=True)
class Subject:
    """A source, the recorded site that it reads, and the facts that it must arrive at."""

    instance: Source
    site: RecordedSite
    facts: Recordings
    questions: set[str] = field(default_factory=set)
    """Verbs that a test has used."""

    @property
    def source(self) -> Source:
        """The source; notes each verb."""
        return cast("Source", _Notes(self.instance, self.questions))


@dataclass(frozen=True)
class _Notes:
    instance: Source
    questions: set[str]

    def __getattr__(self, verb: str) -> Any:
        self.questions.add(verb)
        return getattr(self.instance, verb)


@pytest.fixture(params=SOURCES.values(), ids=["-".join(name) for name in SOURCES])
def make_source(request: pytest.FixtureRequest) -> Callable[[Site], Source]:
    """Each registered source in turn."""
    source: Callable[[Site], Source] = request.param
    return source


@pytest.fixture
def subject(make_source: Callable[[Site], Source], recordings: Path) -> Subject:
    site = RecordedSite(recordings, SITE)
    return Subject(make_source(site_over(site)), site, Recordings(recordings))
