"""Issues read by id from a Jira that refuses a query with one unknown id."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.conditions import Code, Condition
from app.errors import JiraDown, JiraRejected
from app.jira.client import Answer
from app.jira.failures import failure_of
from app.sources.cloud import by_ids


@dataclass
class Jira:
    """A Jira with some issues; `says` is its refusal of unknown ids."""

    issue_ids: set[str]
    says: str = "A value with ID '{}' does not exist for the field 'id'."
    page_size: int = 50
    requests: list[dict[str, Any]] = field(default_factory=list)

    def post(self, path: str, body: Any) -> Answer:
        assert path == "/rest/api/3/search/jql"
        self.requests.append(dict(body))
        ids = re.findall(r"\d+", body["jql"])
        assert body["reconcileIssues"] == [int(issue_id) for issue_id in ids]
        unknown_ids = [issue_id for issue_id in ids if issue_id not in self.issue_ids]
        if unknown_ids:
            refusal = failure_of(
                400, {}, str({"errorMessages": [self.says.format(issue_id) for issue_id in unknown_ids]})[:2000]
            )
            assert refusal is not None
            raise refusal
        start = int(body.get("nextPageToken") or 0)
        end = start + self.page_size
        page = {"issues": [{"id": issue_id} for issue_id in ids[start:end]], "isLast": end >= len(ids)}
        return Answer(page if page["isLast"] else {**page, "nextPageToken": str(end)}, clock.now())


def ids(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


def test_all_known_is_one_request() -> None:
    jira = Jira({"1", "2", "3"})
    answer = by_ids.search(jira, ids(1, 2, 3), FieldPolicy())  # type: ignore[arg-type]  # a fake wire
    assert ([body["id"] for body in answer.bodies], answer.absent) == (["1", "2", "3"], [])  # type: ignore[call-overload, index]  # our own bodies
    assert len(jira.requests) == 1
    assert jira.requests[0]["maxResults"] == 50


def test_unknown_ones_are_left_out_by_what_jira_says() -> None:
    jira = Jira(set(ids(*range(100, 150))) - {"107", "140"})
    answer = by_ids.search(jira, ids(*range(100, 150)), FieldPolicy())  # type: ignore[arg-type]  # a fake wire
    assert (len(answer.bodies), answer.absent) == (48, ["107", "140"])
    assert len(jira.requests) == 2


def test_so_many_unknown_that_jiras_words_are_cut_off() -> None:
    jira = Jira({"105"})
    answer = by_ids.search(jira, ids(*range(100, 150)), FieldPolicy())  # type: ignore[arg-type]  # a fake wire
    assert answer.bodies == [{"id": "105"}]
    assert len(answer.absent) == 49


def test_words_that_quote_no_id_are_met_by_halving() -> None:
    jira = Jira(set(ids(*range(100, 150))) - {"107"}, says="An issue does not exist.")
    answer = by_ids.search(jira, ids(*range(100, 150)), FieldPolicy())  # type: ignore[arg-type]  # a fake wire
    assert (len(answer.bodies), answer.absent) == (49, ["107"])
    assert len(jira.requests) <= 14


def test_nothing_known_is_no_failure() -> None:
    answer = by_ids.search(Jira(set()), ids(7, 8), FieldPolicy())  # type: ignore[arg-type]  # a fake wire
    assert (answer.bodies, answer.absent) == ([], ["7", "8"])


def test_nothing_asked_is_no_request() -> None:
    jira = Jira(set())
    assert by_ids.search(jira, [], FieldPolicy()).bodies == []  # type: ignore[arg-type]  # a fake wire
    assert jira.requests == []


def test_small_pages_are_walked() -> None:
    jira = Jira(set(ids(*range(100, 150))), page_size=20)
    assert len(by_ids.search(jira, ids(*range(100, 150)), FieldPolicy()).bodies) == 50  # type: ignore[arg-type]  # a fake wire
    assert len(jira.requests) == 3


def test_another_failure_stays_one() -> None:
    class Down(Jira):
        def post(self, path: str, body: Any) -> Answer:
            raise JiraDown(Code.NO_ANSWER, error=f"{path} {body}")

        def diagnose(self, failure: JiraDown) -> NoReturn:
            raise failure

    with pytest.raises(JiraDown):
        by_ids.search(Down(set()), ids(1), FieldPolicy())  # type: ignore[arg-type]  # a fake wire


def test_a_refusal_keeps_the_numbers_it_quotes_and_nothing_else() -> None:
    refusal = failure_of(400, {}, "A value with ID '12' does not exist. Field 'x' of '007' and '13'")
    assert isinstance(refusal, JiraRejected)
    assert refusal.quoted_ids == {"12", "13"}
    assert refusal.condition == Condition(Code.ANSWERED, status=400, endpoint="")
