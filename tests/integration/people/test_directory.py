"""People are one across the integrations of their SEI account, and nobody else sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

from app import clock, ids
from app.errors import Missing, Unavailable
from app.integrations.model import State
from app.privacy.erase import drop_integration, erase_given_emails, erase_tenant_data
from app.store import records
from app.store.people import ACCOUNT_TABLES
from app.store.schema import ACCOUNTS, INTEGRATIONS
from tests.factories import a_row
from tests.integration.people.conftest import ANN, BOB, CID, a_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from app.runtime import Runtime
    from tests.integration.people.conftest import Acme


def test_a_person_of_two_sites_is_one(acme: Acme) -> None:
    by_app = acme.site("By app", ann="ann@acme.example", bob=None)
    by_token = acme.site("By token", ann=None)
    ann = acme.person(ANN)
    assert {holder.integration_id for holder in ann.holders} == {by_app.id, by_token.id}
    assert (ann.names, ann.email, ann.jira_email, ann.override) == (
        ["Ann"],
        "ann@acme.example",
        "ann@acme.example",
        None,
    )
    listing = acme.page()
    assert [person.id for person in listing.people] == [ANN, BOB]
    assert listing.total == 2


def test_a_given_address_wins_over_jiras_until_it_is_taken_back(acme: Acme) -> None:
    site = acme.site("Acme", ann="old@acme.example")
    acme.give(ANN, "ann@acme.example")
    acme.tell(site.tenant_id, minutes=1, ann="newer@acme.example")
    assert (acme.person(ANN).email, acme.person(ANN).jira_email) == ("ann@acme.example", "newer@acme.example")
    acme.take_back(ANN)
    assert acme.person(ANN).email == "newer@acme.example"
    with pytest.raises(Missing):
        acme.take_back(ANN)


def test_the_site_that_told_last_wins_among_sites(acme: Acme) -> None:
    acme.site("First", ann="first@acme.example")
    later_site = acme.site("Later")
    acme.tell(later_site.tenant_id, minutes=5, ann="later@acme.example")
    acme.site("Latest, without addresses", ann=None)
    assert acme.person(ANN).jira_email == "later@acme.example"


def test_apps_tombstones_and_sites_that_are_left_have_no_people(acme: Acme) -> None:
    site = acme.site("Acme", ann="ann@acme.example")
    assert site.tenant_id is not None
    with acme.parts.store.bound_to(site.tenant_id) as session:
        app = a_row("user", "5cb4ae0e4b97ab11a18e00c7", display_name="Automation", account_type="app")
        records.apply(session, [app, a_row("user", BOB, display_name="Bob")], read_at=clock.now())
        records.bury(session, app.entity, [BOB], at=clock.now(), because="deleted")
    assert [person.id for person in acme.page().people] == [ANN]
    acme.move(site, State.DELETING)
    assert acme.page().total == 0


def test_people_of_data_center_are_no_atlassian_accounts(acme: Acme) -> None:
    site = acme.site("Server", ann=None)
    with acme.parts.store.unrestricted_unsafe() as session:
        session.execute(INTEGRATIONS.update().where(INTEGRATIONS.c.id == site.id).values(product="jira_data_center"))
    assert acme.page().total == 0


@pytest.mark.parametrize(
    ("search", "person_ids"),
    [
        ("ANN", [ANN]),
        ("@acme", [ANN, BOB]),
        ("712020:", [BOB]),
        ("given@", [CID]),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("nobody", []),
    ],
)
def test_search_looks_into_names_addresses_and_ids(acme: Acme, search: str, person_ids: list[str]) -> None:
    acme.site("Acme", ann="ann@acme.example", bob="bob@acme.example", cid=None)
    acme.give(CID, "given@elsewhere.example")
    listing = acme.page(search)
    assert ([person.id for person in listing.people], listing.total) == (person_ids, len(person_ids))


def test_pages_follow_each_other(acme: Acme) -> None:
    acme.site("Acme", ann=None, bob=None, cid=None)
    pages = [acme.page(page=number, page_size=2) for number in (1, 2, 3)]
    assert [[person.id for person in page.people] for page in pages] == [[ANN, BOB], [CID], []]
    assert [page.total for page in pages] == [3, 3, 3]


def test_a_page_takes_as_many_statements_for_nine_sites_as_for_one(
    acme: Acme, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    acme.site("Acme 0", ann=None)
    with statements() as first_statements:
        acme.page()
    for number in range(8):
        acme.site(f"Acme {number + 1}", ann=None, bob=None)
    with statements() as statements_of_nine:
        assert len(acme.page().people[0].holders) == 9
    assert len(statements_of_nine) == len(first_statements) <= 5


# Isolation


def test_another_account_sees_neither_people_nor_addresses(acme: Acme, rival: Acme) -> None:
    acme.site("Acme", ann="ann@acme.example")
    acme.give(ANN, "given@acme.example")
    acme.apply(a_file(bob="bob@acme.example"))
    rival.site("Other", ann=None)
    assert [(person.id, person.email, len(person.holders)) for person in rival.page().people] == [(ANN, None, 1)]
    assert rival.emails() == {}
    assert rival.preview(a_file(ann="a@b.example", bob="b@b.example")).new_ids == [ANN, BOB]


def test_sessions_of_a_tenant_and_of_nobody_see_no_people_of_an_account(acme: Acme, rival: Acme) -> None:
    site = acme.site("Acme", ann="ann@acme.example")
    acme.apply(a_file(ann="ann@acme.example"))
    assert site.tenant_id is not None
    names = ["account_users", *(table.name for table in ACCOUNT_TABLES)]
    with acme.parts.store.bound_to(site.tenant_id) as session:
        assert [session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names] == [0] * 4
    with acme.parts.store.bound_to_account(rival.account.id) as session:
        assert [session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names] == [0] * 4
    with acme.parts.store.bound_to_account(acme.account.id) as session:
        assert [session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names] == [1] * 4


@pytest.mark.parametrize("name", [table.name for table in ACCOUNT_TABLES])
def test_the_database_forces_the_isolation(parts: Runtime, name: str) -> None:
    with parts.store.unrestricted_unsafe() as session:
        row = session.execute(
            text("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = CAST(:name AS regclass)"),
            {"name": name},
        ).one()
    assert tuple(row) == (True, True)


def test_an_account_writes_no_rows_of_another(acme: Acme, rival: Acme) -> None:
    values = {"id": acme.account.id, "now": clock.now()}
    row = text("INSERT INTO people_emails VALUES (:id, 'x', 'x@y.example', 'api', NULL, :now)")
    with (
        pytest.raises(DBAPIError, match="row-level security"),
        acme.parts.store.bound_to_account(rival.account.id) as session,
    ):
        session.execute(row, values)


def test_the_view_takes_no_writes(acme: Acme) -> None:
    acme.site("Acme", ann=None)
    with (
        pytest.raises(Unavailable),
        acme.parts.store.bound_to_account(acme.account.id) as session,
    ):
        session.execute(text("DELETE FROM account_users"))


# Erasure


def test_deleting_the_last_integration_leaves_what_was_given(acme: Acme) -> None:
    site = acme.site("Acme", ann="jira@acme.example", bob="bob@acme.example")
    acme.give(ANN, "ann@acme.example")
    assert site.tenant_id is not None
    erase_tenant_data(acme.parts.store, site.tenant_id)
    with acme.parts.store.unrestricted_unsafe() as session:
        drop_integration(session, site.id)
    listing = acme.page()
    assert [(person.id, person.names, person.email) for person in listing.people] == [(ANN, [], "ann@acme.example")]


def test_an_erased_account_takes_its_addresses_along(acme: Acme, rival: Acme) -> None:
    for side in (acme, rival):
        side.apply(a_file(ann="ann@acme.example"))
        side.apply(a_file(ann="ann2@acme.example"))
    with acme.parts.store.unrestricted_unsafe() as session:
        session.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == acme.account.id))
        for table in ACCOUNT_TABLES:
            query = table.select().where(table.c.account_id == acme.account.id)
            assert session.execute(query).all() == [], table.name
    assert rival.emails() == {ANN: "ann2@acme.example"}


def test_an_erased_atlassian_account_is_gone_from_every_account_and_does_not_come_back(acme: Acme, rival: Acme) -> None:
    person_id = f"712020:{ids.new()}"
    acme.give(person_id, "first@acme.example")
    record = acme.apply(f"{a_file(bob='bob@acme.example')}{person_id},second@acme.example\n")
    rival.give(person_id, "ann@other.example")
    with acme.parts.store.unrestricted_unsafe() as session:
        assert erase_given_emails(session, person_id) == 3
    assert acme.emails() == {BOB: "bob@acme.example"}
    assert rival.emails() == {}
    outcome = acme.undo(record).record
    assert (outcome.restored_count, outcome.stayed_count, acme.emails()) == (1, 0, {})
