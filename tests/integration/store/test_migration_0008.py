"""Every sentence that version 0007 could store becomes a condition, and comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
from alembic import command

from app import ids
from app.conditions import Code, Condition
from app.store.migrations import runner
from app.store.session import make_engine
from app.web.words.sentences import english

if TYPE_CHECKING:
    from psycopg import Connection

Json = dict[str, Any]


def answered(status: int) -> Json:
    return {"code": "answered", "status": status, "endpoint": ""}


FAILURES: dict[str, Json] = {
    "Jira answered 503.": answered(503),
    "Jira answered 429 (jira-burst-based).": {
        "code": "asked_to_wait",
        "status": 429,
        "reason": "jira-burst-based",
        "endpoint": "",
    },
    "Jira answered 302; redirects are not followed.": {"code": "redirected", "status": 302, "endpoint": ""},
    "No answer from the site: ConnectTimeout.": {"code": "no_answer", "error": "ConnectTimeout"},
    "The answer does not end.": {"code": "answer_endless"},
    "The answer is larger than any of Jira's.": {"code": "answer_too_large"},
    "The answer is not readable JSON.": {"code": "answer_not_json"},
    "The site's address is not on SITE_HOSTS.": {"code": "address_not_listed"},
    "The app is not active on this site.": {"code": "app_inactive"},
    "Jira no longer takes the page token.": {"code": "token_expired"},
    "Jira repeated a page token.": {"code": "token_repeated"},
    "Jira keeps sending empty pages.": {"code": "pages_empty"},
    "Jira sends more than twice what it counted.": {"code": "pages_beyond_count"},
    "Jira does not end the list.": {"code": "list_endless"},
    "/rest/agile/1.0/board/7/sprint has no list at 'values'.": {
        "code": "list_missing",
        "path": "/rest/agile/1.0/board/7/sprint",
        "place": "values",
    },
    "/rest/api/3/status has no list at 'its top'.": {
        "code": "list_missing",
        "path": "/rest/api/3/status",
        "place": "its top",
    },
    "The list of project states 12 objects and holds 10.": {
        "code": "list_cut",
        "entity": "project",
        "total": 12,
        "count": 10,
    },
    "/rest/api/3/worklog/updated has no values.": {
        "code": "feed_without_values",
        "path": "/rest/api/3/worklog/updated",
    },
    "/rest/api/3/worklog/updated does not move on.": {"code": "feed_stuck", "path": "/rest/api/3/worklog/updated"},
    "Jira answered other filters than it was asked about.": {"code": "other_filters"},
    "The limiter's Redis does not answer.": {"code": "limiter_away"},
    "Held back: Jira has stopped the app until its hour of points is over.": {"code": "app_blocked"},
    "Held back: Jira asked us to leave this site alone.": {"code": "site_blocked"},
    "Held back: Jira asked us to leave GET /rest/api/3/issue/{} alone.": {
        "code": "endpoint_blocked",
        "endpoint": "GET /rest/api/3/issue/{}",
    },
    "Held back: the points that read-through may spend in this hour are used up.": {
        "code": "hour_spent",
        "purpose": "read-through",
    },
    "Held back: this site has had its share of the hour's points.": {"code": "share_spent"},
    "Held back: as many requests as allowed are in flight at this site.": {"code": "site_busy"},
    "Held back: GET /rest/api/3/search/jql is asked as fast as we may.": {
        "code": "endpoint_busy",
        "endpoint": "GET /rest/api/3/search/jql",
    },
}
WORDS = {
    "rate limited": "rate_limited",
    "unreachable": "unreachable",
    "refused": "refused",
    "not found": "not_found",
    "rejected": "rejected",
    "page token expired": "page_token_expired",
    "unreadable answer": "unreadable_answer",
    "endless walk": "endless_walk",
}
"""Jira's fault, in front of a chunk's problem."""
PROBLEMS: dict[str, Json] = {
    **{
        f"{word}: {sentence}": {"code": code, "why": condition}
        for word, code in WORDS.items()
        for sentence, condition in FAILURES.items()
    },
    "Jira counts 9 issues and keeps sending fewer": {"code": "walk_short", "expected": 9},
    "Jira counts 9 issues and sent 7; walked again": {"code": "walked_again", "expected": 9, "count": 7},
    "its workers died each time they read it": {"code": "workers_died"},
    "waiting for the site's fields": {"code": "fields_awaited"},
}
FIRST, TWO = ({"issue": 1}, {"issue": 20}), ({"issue": 1, "comment": 2}, {"issue": 20, "comment": 9})
THREE = ({"issue": 1, "comment": 2, "worklog": 3}, {"issue": 20, "comment": 9, "worklog": 4})
ROWS = {
    "1 of 20 issue rows": FIRST,
    "1 of 20 issue rows and 2 of 9 comment rows": TWO,
    "1 of 20 issue rows, 2 of 9 comment rows and 3 of 4 worklog rows": THREE,
}
SHORT = {
    "they are fetched again": {"code": "rows_refetched"},
    "the site does not send them": {"code": "rows_hidden"},
    "1 record could not be read": {"code": "rows_unreadable", "records": 1},
    "3 records could not be read": {"code": "rows_unreadable", "records": 3},
}
REASONS: dict[str, Json] = {
    "Paused by an SEI admin.": {"code": "paused"},
    "Its data is being erased.": {"code": "erasing"},
    "A Jira admin disconnected the site. Generate a new key to connect it again.": {"code": "unpaired"},
    "A Jira admin disabled the app. Work goes on when it is enabled again in Manage apps.": {"code": "app_disabled"},
    "The app was uninstalled from Jira. Install it again and generate a new key.": {"code": "uninstalled"},
    "A Jira admin paired the site with another integration.": {"code": "replaced"},
    "The app is not active on this site.": {"code": "app_inactive"},
    **{
        f"Jira refuses us: {sentence}": {"code": "jira_refuses", "why": condition}
        for sentence, condition in FAILURES.items()
    },
    "Jira does not take the app's signature any more. Have the app enabled or installed again in Jira.": {
        "code": "signature_refused"
    },
    "The licence of the app has lapsed on this site. Ask a Jira admin to renew it in Manage apps.": {
        "code": "licence_lapsed"
    },
    **{
        f"{rows} are missing; {end}.": {**condition, "missing": missing_counts, "expected": expected_counts}
        for rows, (missing_counts, expected_counts) in ROWS.items()
        for end, condition in SHORT.items()
    },
    "3 parts of the site could not be read.": {"code": "parts_unread", "parts": 3},
    "The app can no longer see ABC; what is stored of it stays as it is. Let the app browse it again.": {
        "code": "project_lost",
        "project": "ABC",
    },
    "The app can no longer see ABC and 2 more; what is stored of it stays as it is. Let the app browse it again.": {
        "code": "projects_lost",
        "project": "ABC",
        "others": 2,
    },
    "The last poll that ended was 25 minutes ago.": {"code": "poll_late", "age": 25},
    "A change that Jira told of 3 hours ago is not applied yet.": {"code": "change_late", "age": 180},
}
FROZEN_PROJECTS: dict[str, Json] = {
    "The app can no longer see ABC.": {"code": "project_out_of_sight", "project": "ABC"},
    "The app can no longer see 10001.": {"code": "project_out_of_sight", "project": "10001"},
}
RETIRED_CODES = {"bad_value"}
"""Codes that a later migration replaces."""
LEFT_OUT: dict[str, Json] = {
    "issue: expected an object, got list": {"code": "not_an_object", "entity": "issue", "type": "list"},
    "user: no id": {"code": "no_id", "entity": "user"},
    "issue: 10: 1: created: ValueError": {
        "code": "bad_value",
        "entity": "issue",
        "id": "10: 1",
        "column": "created",
        "error": "ValueError",
    },
    "comment: 71: the database refuses it (ProgramLimitExceeded)": {
        "code": "row_refused",
        "entity": "comment",
        "id": "71",
        "fault": "ProgramLimitExceeded",
    },
}
OPEN: dict[str, Json] = {
    "deleted: comment_deleted": {"code": "child_deleted", "event": "comment_deleted"},
    "hidden: its security level was changed": {"code": "security_changed"},
    "moved: to project 10001": {"code": "moved_to", "project": "10001"},
}
SETTLED_ABSENCES: dict[str, Json] = {
    "worklog_deleted": {"code": "child_deleted", "event": "worklog_deleted"},
    "its security level was changed": {"code": "security_changed"},
    "to project 10001": {"code": "moved_to", "project": "10001"},
    "a direct read": {"code": "direct_read"},
    "a webhook": {"code": "webhook"},
    "the audit log": {"code": "audit_log"},
    "Jira's list of deleted worklogs": {"code": "worklogs_deleted"},
    "it is in project 10002 now": {"code": "in_project", "project": "10002"},
    "its project is out of sight": {"code": "project_hidden"},
    "its project is archived": {"code": "project_archived"},
    "its project is deleted": {"code": "project_deleted"},
    "nothing says that it was deleted": {"code": "no_evidence"},
}
RUNS: dict[str, Json] = {
    "the whole site is read": {"code": "site_planned"},
    "work goes on": {"code": "work_resumed"},
    "12 parts walked, more is due": {"code": "walked_more_due", "parts": 12},
    "12 parts walked, the rest is due later": {"code": "walked_rest_later", "parts": 12},
    "12 parts walked, nothing is left": {"code": "walked_all", "parts": 12},
    "40 counts compared, 1 differ": {"code": "compared", "counts": 40, "differing": 1},
    "7 deliveries read again": {"code": "reread", "deliveries": 7},
    "9 issues changed lately, 2 of them were not here as they are there": {
        "code": "polled",
        "issues": 9,
        "differing": 2,
    },
    "3 worklogs changed, 0 deleted": {"code": "worklogs_read", "changed": 3, "deleted": 0},
    "20 lists read again, 4 rows changed": {"code": "lists_read", "lists": 20, "changed": 4},
    "5 webhooks that Jira could not deliver": {"code": "deliveries_recovered", "deliveries": 5},
    "90 issues of the last day compared, 2 read again, 1 not seen": {
        "code": "day_swept",
        "issues": 90,
        "reread": 2,
        "missed": 1,
    },
    "800 ids compared for as many points, 2 issues read again, 1 not seen": {
        "code": "ids_swept",
        "ids": 800,
        "reread": 2,
        "missed": 1,
    },
    "1 hidden": {"code": "absences_checked", "causes": {"hidden": 1}},
    "2 deleted, 1 not indexed yet, 3 permission lost": {
        "code": "absences_checked",
        "causes": {"deleted": 2, "not indexed yet": 1, "permission lost": 3},
    },
    "refused again": {"code": "signature_still_refused"},
    "the licence is still lapsed": {"code": "licence_still_lapsed"},
    "the licence has lapsed": {"code": "licence_found_lapsed"},
    "the site takes us again": {"code": "site_answers_again"},
    "erased": {"code": "erased"},
}
CRASHES: dict[str, Json] = {
    **FAILURES,
    "Redis does not answer.": {"code": "redis_away"},
    "The database does not answer.": {"code": "database_away"},
    "The database connection was lost.": {"code": "database_lost"},
    "There is no such integration.": {"code": "no_integration"},
    "The worker was killed.": {"code": "worker_killed"},
    "UniqueViolation": {"code": "crashed", "error": "UniqueViolation"},
}
UNKNOWN_SENTENCE = "Something that an older version wrote: 7."
COLUMNS: dict[tuple[str, str], dict[str, Json]] = {
    ("integrations", "state_reason"): REASONS,
    ("frozen_projects", "reason"): FROZEN_PROJECTS,
    ("chunks", "problem"): PROBLEMS,
    ("poison", "reason"): LEFT_OUT,
    ("absences", "evidence"): OPEN | SETTLED_ABSENCES,
    ("inbox", "problem"): CRASHES,
    ("activity", "detail"): RUNS,
    ("activity", "error"): CRASHES,
}
CHANGED_WORDS = {*OPEN, "worklog_deleted", "to project 10001", "3 parts of the site could not be read."}
"""Evidence after its cause, or without words of its own, and a sentence that says more today."""


def fill(connection: Connection) -> None:
    """Write a row for every sentence."""
    tenant, account = ids.new(), ids.new()
    connection.execute(
        "INSERT INTO tenants (id, product, base_url, state) VALUES (%s, 'jira_cloud', 'https://a', 'active')", [tenant]
    )
    connection.execute("INSERT INTO accounts (id, name) VALUES (%s, 'a')", [account])
    for (table, column), sentences in COLUMNS.items():
        for number, sentence in enumerate([*sentences, UNKNOWN_SENTENCE]):
            row = a_row(table, tenant=tenant, account=account, key=f"{column} {number}", is_open=sentence in OPEN)
            values = {**row, column: sentence}
            names, holes = ", ".join(values), ", ".join(["%s"] * len(values))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({holes})", [*values.values()])


def a_row(table: str, *, tenant: object, account: object, key: str, is_open: bool) -> dict[str, object]:
    """The columns that a row needs besides the one that is converted."""
    tenant_column = {"tenant_id": tenant}
    rows: dict[str, dict[str, object]] = {
        "integrations": {
            "id": ids.new(), "account_id": account, "name": key, "product": "jira_cloud", "method": "connect_app",
            "state": "paused",
        },
        "frozen_projects": {**tenant_column, "project_id": key, "frozen_at": "2026-01-01"},
        "chunks": {
            **tenant_column, "id": ids.new(), "entity": "issue", "scope_id": key, "lower": 0, "upper": 1, "priority": 1,
            "state": "failed", "due_at": "2026-01-01",
        },
        "poison": {**tenant_column, "id": ids.new(), "entity": "issue", "digest": key},
        "absences": {
            **tenant_column, "issue_id": key, "cause": "unknown", "missed_at": "2026-01-01", "last_missed_at": "2026-01-01",
            "settled_at": None if is_open else "2026-01-01",
        },
        "inbox": {**tenant_column, "delivery_id": key, "event": "e", "body": "{}"},
        "activity": {**tenant_column, "id": ids.new(), "job": key, "started_at": "2026-01-01", "result": "done"},
    }  # fmt: skip
    return rows[table]


def migrate(database_url: str, revision: str, *, is_down: bool = False) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        (command.downgrade if is_down else command.upgrade)(runner.alembic_config(connection), revision)
        connection.commit()
    engine.dispose()


def texts(connection: Connection) -> dict[tuple[str, str], list[str]]:
    """The texts of every column, in the order in which its rows were written."""
    keys = {"integrations": "name", "frozen_projects": "project_id", "chunks": "scope_id", "poison": "digest"}
    keys |= {"absences": "issue_id", "inbox": "delivery_id", "activity": "job"}
    texts_of = {}
    for table, column in COLUMNS:
        number = f"split_part({keys[table]}, ' ', 2)::int"
        query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {number}"
        texts_of[table, column] = [str(text) for (text,) in connection.execute(query)]
    return texts_of


def test_every_stored_sentence_becomes_a_condition_and_comes_back(empty_database_url: str) -> None:
    migrate(empty_database_url, "0007")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        fill(connection)
        before = texts(connection)
        assert before == {column: [*sentences, UNKNOWN_SENTENCE] for column, sentences in COLUMNS.items()}
        migrate(empty_database_url, "0008")
        after = texts(connection)
        migrate(empty_database_url, "0007", is_down=True)
        assert texts(connection) == before
    for column, sentences in COLUMNS.items():
        documents = [json.loads(text) for text in after[column]]
        assert documents == [*sentences.values(), {"code": "other", "text": UNKNOWN_SENTENCE}], column
        conditions = [Condition.from_json(text) for text in after[column]]
        retired_sentences = {
            sentence for sentence, condition in sentences.items() if condition["code"] in RETIRED_CODES
        }
        assert [condition.code for condition in conditions].count(Code.OTHER) == 1 + len(retired_sentences), column
        words_of = dict(zip(sentences, map(english, conditions), strict=False))
        assert {
            sentence for sentence, text in words_of.items() if text != sentence
        } <= CHANGED_WORDS | retired_sentences


def test_a_sentence_that_an_older_process_writes_after_the_migration_is_read_and_kept(empty_database_url: str) -> None:
    migrate(empty_database_url, "0008")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        fill(connection)
        before = texts(connection)
        assert {Condition.from_json(text).code for column in before for text in before[column]} == {Code.OTHER}
        migrate(empty_database_url, "0007", is_down=True)
        assert texts(connection) == before
