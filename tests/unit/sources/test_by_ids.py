"""Issues read by id from a Jira that refuses the whole query for one it does not know."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from app import clock
from app.errors import JiraDown, JiraRejected
from app.jira.client import Answer
from app.jira.failures import failure_of
from app.sources import by_ids


@dataclass
class Jira:
    """Knows some issues; `says` is how it refuses those it does not know."""

    known: set[str]
    says: str = "A value with ID '{}' does not exist for the field 'id'."
    page_size: int = 50
    asked: list[dict[str, Any]] = field(default_factory=list)

    def post(self, path: str, body: Any) -> Answer:
        assert path == "/rest/api/3/search/jql"
        self.asked.append(dict(body))
        ids = re.findall(r"\d+", body["jql"])
        assert body["reconcileIssues"] == [int(each) for each in ids]
        unknown = [each for each in ids if each not in self.known]
        if unknown:
            refusal = failure_of(400, {}, str({"errorMessages": [self.says.format(each) for each in unknown]})[:2000])
            assert refusal is not None
            raise refusal
        start = int(body.get("nextPageToken") or 0)
        end = start + self.page_size
        page = {"issues": [{"id": each} for each in ids[start:end]], "isLast": end >= len(ids)}
        return Answer(page if page["isLast"] else {**page, "nextPageToken": str(end)}, clock.now())


def ids(*numbers: int) -> list[str]:
    return [str(each) for each in numbers]


def test_all_known_is_one_request() -> None:
    jira = Jira({"1", "2", "3"})
    found = by_ids.read(jira, ids(1, 2, 3))  # type: ignore[arg-type]  # a fake wire
    assert ([body["id"] for body in found.bodies], found.absent) == (["1", "2", "3"], [])  # type: ignore[call-overload, index]  # our own bodies
    assert len(jira.asked) == 1
    assert jira.asked[0]["maxResults"] == 50


def test_unknown_ones_are_left_out_by_what_jira_says() -> None:
    jira = Jira(set(ids(*range(100, 150))) - {"107", "140"})
    found = by_ids.read(jira, ids(*range(100, 150)))  # type: ignore[arg-type]  # a fake wire
    assert (len(found.bodies), found.absent) == (48, ["107", "140"])
    assert len(jira.asked) == 2


def test_so_many_unknown_that_jiras_words_are_cut_off() -> None:
    jira = Jira({"105"})
    found = by_ids.read(jira, ids(*range(100, 150)))  # type: ignore[arg-type]  # a fake wire
    assert found.bodies == [{"id": "105"}]
    assert len(found.absent) == 49


def test_words_that_quote_no_id_are_met_by_halving() -> None:
    jira = Jira(set(ids(*range(100, 150))) - {"107"}, says="An issue does not exist.")
    found = by_ids.read(jira, ids(*range(100, 150)))  # type: ignore[arg-type]  # a fake wire
    assert (len(found.bodies), found.absent) == (49, ["107"])
    assert len(jira.asked) <= 14


def test_nothing_known_is_no_failure() -> None:
    found = by_ids.read(Jira(set()), ids(7, 8))  # type: ignore[arg-type]  # a fake wire
    assert (found.bodies, found.absent) == ([], ["7", "8"])


def test_nothing_asked_is_no_request() -> None:
    jira = Jira(set())
    assert by_ids.read(jira, []).bodies == []  # type: ignore[arg-type]  # a fake wire
    assert jira.asked == []


def test_small_pages_are_walked() -> None:
    jira = Jira(set(ids(*range(100, 150))), page_size=20)
    assert len(by_ids.read(jira, ids(*range(100, 150))).bodies) == 50  # type: ignore[arg-type]  # a fake wire
    assert len(jira.asked) == 3


def test_another_failure_stays_one() -> None:
    class Down(Jira):
        def post(self, path: str, body: Any) -> Answer:
            raise JiraDown(f"no answer to {path} {body}")

    with pytest.raises(JiraDown):
        by_ids.read(Down(set()), ids(1))  # type: ignore[arg-type]  # a fake wire


def test_a_refusal_keeps_the_numbers_it_quotes_and_nothing_else() -> None:
    refused = failure_of(400, {}, "A value with ID '12' does not exist. Field 'x' of '007' and '13'")
    assert isinstance(refused, JiraRejected)
    assert refused.quoted == {"12", "13"}
    assert str(refused) == "Jira answered 400."
