"""Outcomes: a refusal of a part is a finding, a failure of the site or the credential is raised."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import pytest

from app.catalog.registry import entity
from app.conditions import Code
from app.errors import JiraBusy, JiraDown, JiraFailure, JiraGone, JiraNonsense, JiraRefused, JiraRejected, TokenExpired
from app.sources import Broken, Gone, NotForUs, NotOffered, Place, Scope, require
from app.sources.cloud.source import CloudSource
from app.sources.outcomes import attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.jira.client import Site
    from tests.fakes.wire import Wire


def failing(failure: JiraFailure) -> Callable[[], NoReturn]:
    def ask() -> NoReturn:
        raise failure

    return ask


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (JiraGone(Code.ANSWERED, status=404, endpoint=""), Gone),
        (JiraRejected(Code.ANSWERED, status=400, endpoint=""), NotOffered),
        (JiraRefused(Code.ANSWERED, status=403, endpoint=""), NotForUs),
    ],
)
def test_a_refusal_of_a_part_is_a_finding_with_its_failure(failure: JiraFailure, kind: type) -> None:
    finding = attempt(failing(failure))
    assert isinstance(finding, kind)
    assert finding.failure is failure
    with pytest.raises(type(failure)):
        require(finding)


@pytest.mark.parametrize(
    "failure",
    [
        JiraDown(Code.ANSWERED, status=503, endpoint=""),
        JiraBusy(Code.SITE_BLOCKED, retry_at=datetime(2026, 11, 30, tzinfo=UTC)),
        JiraNonsense(Code.ANSWER_NOT_JSON),
        TokenExpired(Code.TOKEN_EXPIRED),
        JiraRefused(Code.ANSWERED, is_credential=True, status=401, endpoint=""),
    ],
)
def test_a_failure_of_the_site_or_the_credential_is_raised(failure: JiraFailure) -> None:
    with pytest.raises(type(failure)):
        attempt(failing(failure))


def test_rows_come_as_they_are() -> None:
    assert require(attempt(lambda: 7)) == 7


ME = {"accountId": "5b10ac8d82e05b22cc7d4ef5", "displayName": "The app"}


def test_a_401_of_one_part_is_a_finding_where_the_site_knows_the_account(site: Site, wire: Wire) -> None:
    wire.answers({"code": 401, "message": "Unauthorized; scope does not match"}, status=401)
    wire.answers(ME)
    finding = CloudSource(site).listing(entity("board"), "", Place())
    assert isinstance(finding, NotForUs)
    assert finding.failure.condition.code is Code.SCOPE_MISSING


@pytest.mark.parametrize(("body", "status"), [({}, 401), ({}, 403), (b"<html>Log in</html>", 200), (b"", 302)])
def test_a_401_is_the_credentials_where_the_site_does_not_know_the_account(
    site: Site, wire: Wire, body: object, status: int
) -> None:
    wire.answers({}, status=401)
    wire.answers(body, status=status)
    with pytest.raises(JiraRefused) as refusal:
        CloudSource(site).listing(entity("board"), "", Place())
    assert refusal.value.is_credential


def test_a_401_during_an_outage_is_an_outage(site: Site, wire: Wire) -> None:
    wire.answers({}, status=401)
    # `myself` is asked about the credential, and once more about the site.
    wire.answers({}, status=503)
    wire.answers({}, status=503)
    with pytest.raises(JiraDown):
        CloudSource(site).count(Scope("10000"))


def test_a_lasting_failure_is_the_objects_where_the_site_answers(site: Site, wire: Wire) -> None:
    wire.answers(ME)
    failure = JiraDown(Code.ANSWERED, status=500, endpoint="")
    assert CloudSource(site).diagnose(failure) == Broken(failure)


def test_a_lasting_failure_is_an_outage_where_the_site_answers_nothing(site: Site, wire: Wire) -> None:
    wire.answers(status=503)
    with pytest.raises(JiraDown):
        CloudSource(site).diagnose(JiraNonsense(Code.ANSWER_NOT_JSON))
