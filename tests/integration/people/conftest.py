"""An SEI account with two sites that have people in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from app import clock, people
from app.integrations import ledger
from app.integrations.model import State
from app.people import Source, read_csv
from app.store import records
from tests.factories import a_row, an_account, an_installed_site, an_integration

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.accounts import Account
    from app.integrations.model import Integration
    from app.people import Import, Person, Plan, Undo
    from app.runtime import Runtime

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANN, BOB, CID = "557058:ann", "712020:bob", "54c965db8acd172e3af3fe36"


@dataclass(frozen=True)
class Acme:
    """An SEI account and its sites."""

    parts: Runtime
    account: Account
    key: str

    def site(self, name: str, **emails: str | None) -> Integration:
        """A paired site with people: Ann and Bob have the names of their ids."""
        site, integration = an_installed_site(self.parts), an_integration(self.parts, self.account, name)
        self.move(integration, State.BACKFILLING, tenant_id=site.tenant_id)
        self.tell(site.tenant_id, **emails)
        with self.parts.store.bound_to_account(self.account.id) as session:
            return ledger.get(session, integration.id)

    def move(self, integration: Integration, state: State, **values: object) -> None:
        with self.parts.store.unrestricted_unsafe() as session:
            ledger.move_to(session, integration.id, state, paired_at=clock.now(), **values)

    def tell(self, tenant_id: UUID | None, *, minutes: int = 0, **emails: str | None) -> None:
        """Have a site tell people: `ann="ann@acme.example"`."""
        assert tenant_id is not None
        ids = {"ann": ANN, "bob": BOB, "cid": CID}
        rows = [
            a_row("user", ids[name], display_name=name.capitalize(), email=email, account_type="atlassian")
            for name, email in emails.items()
        ]
        with self.parts.store.bound_to(tenant_id) as session:
            records.apply(session, rows, read_at=NOON + timedelta(minutes=minutes))

    def person(self, person_id: str) -> Person:
        with self.parts.store.bound_to_account(self.account.id) as session:
            return people.find(session, self.account.id, person_id)

    def emails(self) -> dict[str, str]:
        """The given addresses by account id."""
        with self.parts.store.bound_to_account(self.account.id) as session:
            lines = people.worksheet(session, self.account.id)
            return {line.person_id: line.given_email for line in lines if line.given_email}

    def page(self, search: str | None = None, **place: Any) -> people.People:
        choice = {"page": 1, "page_size": 50, "search": search} | place
        with self.parts.store.bound_to_account(self.account.id) as session:
            return people.page_of(session, self.account.id, **choice)

    def give(self, person_id: str, email: str) -> None:
        with self.parts.store.bound_to_account(self.account.id) as session:
            people.give(session, self.account.id, person_id, email, Source.API)

    def take_back(self, person_id: str) -> None:
        with self.parts.store.bound_to_account(self.account.id) as session:
            people.take_back(session, self.account.id, person_id)

    def preview(self, text: str) -> Plan:
        with self.parts.store.bound_to_account(self.account.id) as session:
            return people.preview(session, self.account.id, read_csv(text.encode()))

    def apply(self, text: str) -> Import:
        with self.parts.store.bound_to_account(self.account.id) as session:
            return people.apply(session, self.account.id, read_csv(text.encode()), Source.API)[0]

    def undo(self, record: Import) -> Undo:
        with self.parts.store.bound_to_account(self.account.id) as session:
            return people.undo(session, self.account.id, record.id)


def a_file(**emails: str) -> str:
    """A file of addresses of Ann, Bob and Cid."""
    ids = {"ann": ANN, "bob": BOB, "cid": CID}
    return "account_id,email\n" + "".join(f"{ids[name]},{email}\n" for name, email in emails.items())


@pytest.fixture
def acme(parts: Runtime) -> Acme:
    return Acme(parts, *an_account(parts))


@pytest.fixture
def rival(parts: Runtime) -> Acme:
    """Another SEI account."""
    return Acme(parts, *an_account(parts))
