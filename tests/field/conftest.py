"""Fixtures of the field cases: the whole product running, and sites that can install it."""

from __future__ import annotations

from tests.story.conftest import a_site, app, key_host, story_database_url

__all__ = ["a_site", "app", "key_host", "story_database_url"]
