"""The contract of a source: the outcome of every verb for every answer that gives no rows (`app.sources.outcomes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.conditions import Code
from app.errors import JiraBusy, JiraDown, JiraFailure, JiraGone, JiraNonsense, JiraRefused, JiraRejected, TokenExpired
from app.sources import Gone, NotForUs, NotOffered, Place, Scope
from app.sources.answers import IssueRead, Matches, QueryCheck
from tests.unit.sources.conftest import verbs

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.jira.client import Site
    from app.sources import Source
    from tests.fakes.wire import Wire

SCOPE, ISSUES = Scope("10003"), ["10063"]


class Answer(NamedTuple):
    """An answer of a site without rows."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


ANSWERS = {
    "400": Answer(400, b'{"errorMessages": ["no"]}'),
    "401": Answer(401),
    "403": Answer(403),
    "404": Answer(404),
    "410": Answer(410),
    "422": Answer(422, b'{"errorMessages": ["no"]}'),
    "429": Answer(429),
    "500": Answer(500),
    "503": Answer(503),
    "503 with a time": Answer(503, headers={"Retry-After": "60"}),
    "HTML": Answer(200, b"<!DOCTYPE html><title>Log in</title>"),
    "cut JSON": Answer(200, b'{"issues": [{"id": "10063", "fie'),
    "redirect": Answer(302, headers={"Location": "https://elsewhere.example/"}),
    "error object": Answer(200, b'{"errorMessages": ["Something went wrong"], "errors": {}}'),
    "empty object": Answer(200, b"{}"),
}

QUESTIONS: dict[str, Callable[[Source], object]] = {
    "whoami": lambda source: source.whoami(),
    "server": lambda source: source.server(),
    "diagnose": lambda source: source.diagnose(JiraDown(Code.ANSWERED, status=500, endpoint="")),
    "email_of": lambda source: source.email_of("557058:a"),
    "project_count": lambda source: source.project_count(),
    "has_permission": lambda source: source.has_permission("USER_PICKER"),
    "tracks_time": lambda source: source.tracks_time(),
    "board_count": lambda source: source.board_count(),
    "issue_count": lambda source: source.issue_count(),
    "check_query": lambda source: source.check_query("project = EE"),
    "newest_id": lambda source: source.newest_id(),
    "has_lapsed": lambda source: source.has_lapsed("our-app"),
    "count": lambda source: source.count(SCOPE),
    "first_created": lambda source: source.first_created(SCOPE),
    "issues": lambda source: source.issues(SCOPE, Place(), 25),
    "by_ids": lambda source: source.by_ids(ISSUES, FieldPolicy()),
    "by_ids directly": lambda source: source.by_ids(ISSUES, FieldPolicy(), deletion_ids=ISSUES),
    "changed_since": lambda source: [*source.changed_since(1)],
    "ids": lambda source: [*source.ids(SCOPE)],
    "children": lambda source: source.children(entity("comment"), "10063", Place()),
    "listing of the site": lambda source: source.listing(entity("status"), "", Place()),
    "listing of a project": lambda source: source.listing(entity("version"), "10003", Place()),
    "one": lambda source: source.one(entity("board"), "8"),
    "one of a list": lambda source: source.one(entity("project"), "10003"),
    "memberships": lambda source: source.memberships({"8": "10008"}, ISSUES),
    "visible_projects": lambda source: source.visible_projects(["10003"]),
    "link_types": lambda source: source.link_types(),
    "worklog_changes": lambda source: [*source.worklog_changes("updated", 1)][-1],
    "worklogs": lambda source: source.worklogs(["10006"]),
    "failed_webhooks": lambda source: [*source.failed_webhooks(1)][-1],
    "deleted_keys": lambda source: source.deleted_keys(),
}
"""One question of each verb, two where the outcome depends on the question."""

Outcomes = dict[str, object]
"""By answer: the type of a finding or a failure, or the value itself."""

FAILURES: Outcomes = {
    "401": JiraRefused,
    "429": JiraBusy,
    "500": JiraDown,
    "503": JiraDown,
    "503 with a time": JiraBusy,
    "HTML": JiraNonsense,
    "cut JSON": JiraNonsense,
    "redirect": JiraNonsense,
    "error object": JiraNonsense,
    "empty object": JiraNonsense,
}
"""The site or the credential fails, or the answer can't be read: raised by every verb."""
REFUSALS: Outcomes = FAILURES | {
    "400": JiraRejected,
    "403": JiraRefused,
    "404": JiraGone,
    "410": JiraGone,
    "422": JiraRejected,
}
"""A verb without findings raises the refusal."""
OF_AN_OBJECT: Outcomes = FAILURES | {"400": NotOffered, "403": NotForUs, "404": Gone, "410": Gone, "422": NotOffered}
"""A question about one object, or about a list of one object."""
OF_THE_SITE: Outcomes = OF_AN_OBJECT | {"404": NotOffered, "410": NotOffered}
"""A question that names no object: an endpoint that isn't there is not offered."""
COUNTS: Outcomes = REFUSALS | dict.fromkeys(("400", "403", "404", "410", "422", "error object", "empty object"))
"""A site that refuses to count has no count."""
ISSUE_REFUSALS: Outcomes = dict.fromkeys(("400", "403", "404", "410", "422"), IssueRead)
"""Issues read one by one: each refusal is about one id."""

OUTCOMES: dict[str, Outcomes] = {
    "whoami": REFUSALS,
    "server": REFUSALS,
    "diagnose": REFUSALS,
    "email_of": OF_AN_OBJECT | {"error object": None, "empty object": None},
    "project_count": REFUSALS | {"error object": None, "empty object": None},
    "has_permission": OF_THE_SITE,
    "tracks_time": OF_THE_SITE,
    "board_count": OF_THE_SITE,
    "issue_count": COUNTS,
    "check_query": OF_THE_SITE | {"400": QueryCheck, "422": QueryCheck},
    "newest_id": REFUSALS,
    "has_lapsed": REFUSALS | {"404": False, "410": False, "error object": False, "empty object": False},
    "count": COUNTS,
    "first_created": REFUSALS,
    "issues": OF_THE_SITE,
    "by_ids": REFUSALS | {"400": IssueRead, "422": IssueRead},
    "by_ids directly": FAILURES | ISSUE_REFUSALS,
    "changed_since": REFUSALS,
    "ids": REFUSALS,
    "children": OF_AN_OBJECT,
    "listing of the site": OF_THE_SITE,
    "listing of a project": OF_AN_OBJECT,
    "one": OF_AN_OBJECT,
    "one of a list": OF_AN_OBJECT,
    "memberships": OF_THE_SITE | {"400": Matches, "422": Matches},
    "visible_projects": OF_THE_SITE,
    "link_types": OF_THE_SITE,
    "worklog_changes": OF_THE_SITE,
    "worklogs": REFUSALS,
    "failed_webhooks": OF_THE_SITE,
    "deleted_keys": OF_THE_SITE,
}


def outcome_of(question: Callable[[Source], object], source: Source) -> object:
    """The failure that a question raises, or its value."""
    try:
        return question(source)
    except JiraFailure as failure:
        return failure


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_has_its_outcome(
    make_source: Callable[[Site], Source], site: Site, wire: Wire, question: str, answer: str
) -> None:
    for _ in range(2):
        status, body, headers = ANSWERS[answer]
        wire.answers(body, status=status, headers=headers)
    outcome, expected_outcome = outcome_of(QUESTIONS[question], make_source(site)), OUTCOMES[question][answer]
    if isinstance(expected_outcome, type):
        assert type(outcome) is expected_outcome
    else:
        assert outcome == expected_outcome
    if isinstance(outcome, JiraRefused):
        assert outcome.is_credential is (answer == "401"), "only a 401 says that nothing else will be answered either"
    if isinstance(outcome, IssueRead):
        gone_ids = set(ISSUES) if answer in {"404", "410"} else set()
        assert (outcome.bodies, outcome.gone_ids, set(outcome.unreadable)) == ([], gone_ids, set(ISSUES) - gone_ids)


def test_a_token_that_the_site_forgot_has_an_outcome_of_its_own(
    make_source: Callable[[Site], Source], site: Site, wire: Wire
) -> None:
    source = make_source(site)
    for _ in range(2):
        wire.answers({"errorMessages": ["The provided next page token is invalid or expired."]}, status=400)
    with pytest.raises(TokenExpired):
        source.issues(SCOPE, Place(token="old"), 25)
    with pytest.raises(TokenExpired):
        next(source.changed_since(1, "old"))


def test_every_verb_is_refused() -> None:
    # The sources differ in `probe_bulk`: one asks nothing, the other has tests of its own.
    silent_verbs = {"address", "capabilities", "probe_bulk"}
    assert {question.partition(" ")[0] for question in QUESTIONS} == verbs() - silent_verbs
    assert set(OUTCOMES) == set(QUESTIONS)
    assert all(set(outcomes) == set(ANSWERS) for outcomes in OUTCOMES.values())
