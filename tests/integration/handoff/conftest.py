"""An account with one integration, paired with sites without a Jira behind them, and its calls of the feed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from app import clock
from app.catalog.extract import Row
from app.catalog.registry import entity
from app.integrations import ledger
from app.integrations.model import State
from app.store import records
from app.web import create_app
from tests.factories import an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from uuid import UUID

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.runtime import Runtime


def a_row(name: str, row_id: str, **values: object) -> Row:
    """A row of the catalogue with these values; its other columns are empty."""
    blank: dict[str, object] = dict.fromkeys(column.name for column in entity(name).columns)
    return Row(entity(name), row_id, blank | values)


@dataclass
class Subscriber:
    """An SEI account that reads the feed of its integration."""

    parts: Runtime
    key: str
    account_id: UUID
    integration_id: UUID
    tenant_id: UUID

    def pair(self, tenant_id: UUID) -> None:
        """Move the integration to another site, or pair it anew with its own."""
        with self.parts.store.unrestricted_unsafe() as session:
            values = {"tenant_id": tenant_id, "paired_at": clock.now()}
            ledger.move_to(session, self.integration_id, State.BACKFILLING, **values)
        self.tenant_id = tenant_id

    def put(self, *rows: Row) -> None:
        """Store rows of the paired site."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            records.apply(session, rows, read_at=clock.now())

    def bury(self, name: str, *ids: str) -> None:
        """Put tombstones on rows of the paired site."""
        with self.parts.store.bound_to(self.tenant_id) as session:
            records.bury(session, entity(name), ids, at=clock.now(), because="deleted")

    def call(self, **parameters: object) -> TestResponse:
        """Call the feed."""
        headers = {"Authorization": f"Bearer {self.key}"}
        path = f"/api/v1/integrations/{self.integration_id}/changes"
        return self.client.get(path, query_string=parameters, headers=headers)

    @cached_property
    def client(self) -> FlaskClient:
        """The web application."""
        return create_app(self.parts).test_client()

    def read(self, **parameters: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The changes of one call, and the last line of the answer."""
        return self.lines_of(self.call(**parameters))

    @staticmethod
    def lines_of(answer: TestResponse) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The changes of an answer, and its last line."""
        assert answer.status_code == 200, answer.text
        *lines, last = (json.loads(line) for line in answer.text.splitlines())
        assert answer.headers["X-Next-Cursor"] == last["next_cursor"]
        return lines, last


def a_subscriber(parts: Runtime) -> Subscriber:
    account, key = an_account(parts)
    integration, site = an_integration(parts, account), an_installed_site(parts)
    subscriber = Subscriber(parts, key, account.id, integration.id, site.tenant_id)
    subscriber.pair(site.tenant_id)
    return subscriber


@pytest.fixture
def subscriber(parts: Runtime) -> Subscriber:
    return a_subscriber(parts)
