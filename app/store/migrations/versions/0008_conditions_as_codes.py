"""Stored sentences become conditions: a code with parameters, as JSON in the same text columns.

The columns stay text: processes of the previous version may go on writing until they are replaced, and their sentences
are read as the code `other`. Sentences without a rule become `other` as well and keep their text.

The rules below hold for the sentences of version 0007 only.
"""

from __future__ import annotations

import json
import re
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from collections.abc import Callable

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


class Rule(NamedTuple):
    """A code and its sentence.

    A parameter in braces is text; `#` marks a number, `?` a condition, `+` rows by entity, `*` counts by cause, `@` an
    age and `$` a number of records.
    """

    code: str
    sentence: str
    extras: dict[str, Any] = {}  # noqa: RUF012 - read only
    """Parameters without a place in the sentence."""


_NO_ENDPOINT = {"endpoint": ""}
FAILURES = [
    Rule("redirected", "Jira answered {#status}; redirects are not followed.", _NO_ENDPOINT),
    Rule("answered", "Jira answered {#status}.", _NO_ENDPOINT),
    Rule("asked_to_wait", "Jira answered {#status} ({reason}).", _NO_ENDPOINT),
    Rule("no_answer", "No answer from the site: {error}."),
    Rule("answer_endless", "The answer does not end."),
    Rule("answer_too_large", "The answer is larger than any of Jira's."),
    Rule("answer_not_json", "The answer is not readable JSON."),
    Rule("address_not_listed", "The site's address is not on SITE_HOSTS."),
    Rule("app_inactive", "The app is not active on this site."),
    Rule("token_expired", "Jira no longer takes the page token."),
    Rule("token_repeated", "Jira repeated a page token."),
    Rule("pages_empty", "Jira keeps sending empty pages."),
    Rule("pages_beyond_count", "Jira sends more than twice what it counted."),
    Rule("list_endless", "Jira does not end the list."),
    Rule("list_endless", "Jira does not end the search."),
    Rule("list_missing", "{path} has no list at '{place}'."),
    Rule("list_cut", "The list of {entity} states {#total} objects and holds {#count}."),
    Rule("feed_without_values", "{path} has no values."),
    Rule("feed_stuck", "{path} does not move on."),
    Rule("other_filters", "Jira answered other filters than it was asked about."),
    Rule("limiter_away", "The limiter's Redis does not answer."),
    Rule("app_blocked", "Held back: Jira has stopped the app until its hour of points is over."),
    Rule("site_blocked", "Held back: Jira asked us to leave this site alone."),
    Rule("endpoint_blocked", "Held back: Jira asked us to leave {endpoint} alone."),
    Rule("hour_spent", "Held back: the points that {purpose} may spend in this hour are used up."),
    Rule("share_spent", "Held back: this site has had its share of the hour's points."),
    Rule("site_busy", "Held back: as many requests as allowed are in flight at this site."),
    Rule("endpoint_busy", "Held back: {endpoint} is asked as fast as we may."),
]
PROBLEMS = [
    Rule("rate_limited", "rate limited: {?why}"),
    Rule("unreachable", "unreachable: {?why}"),
    Rule("refused", "refused: {?why}"),
    Rule("not_found", "not found: {?why}"),
    Rule("rejected", "rejected: {?why}"),
    Rule("page_token_expired", "page token expired: {?why}"),
    Rule("unreadable_answer", "unreadable answer: {?why}"),
    Rule("endless_walk", "endless walk: {?why}"),
    Rule("walk_short", "Jira counts {#expected} issues and keeps sending fewer"),
    Rule("walked_again", "Jira counts {#expected} issues and sent {#count}; walked again"),
    Rule("workers_died", "its workers died each time they read it"),
    Rule("fields_awaited", "waiting for the site's fields"),
]
REASONS = [
    Rule("paused", "Paused by an SEI admin."),
    Rule("erasing", "Its data is being erased."),
    Rule("unpaired", "A Jira admin disconnected the site. Generate a new key to connect it again."),
    Rule("app_disabled", "A Jira admin disabled the app. Work goes on when it is enabled again in Manage apps."),
    Rule("uninstalled", "The app was uninstalled from Jira. Install it again and generate a new key."),
    Rule("replaced", "A Jira admin paired the site with another integration."),
    Rule("app_inactive", "The app is not active on this site."),
    Rule("jira_refuses", "Jira refuses us: {?why}"),
    Rule(
        "signature_refused",
        "Jira does not take the app's signature any more. Have the app enabled or installed again in Jira.",
    ),
    Rule(
        "licence_lapsed", "The licence of the app has lapsed on this site. Ask a Jira admin to renew it in Manage apps."
    ),
    Rule("rows_refetched", "{+rows} are missing; they are fetched again."),
    Rule("rows_hidden", "{+rows} are missing; the site does not send them."),
    Rule("rows_unreadable", "{+rows} are missing; {$records} could not be read."),
    Rule("parts_unread", "{#parts} parts of the site could not be read."),
    Rule(
        "projects_lost",
        "The app can no longer see {project} and {#others} more; what is stored of it stays as it is. Let the app browse it again.",
    ),
    Rule(
        "project_lost",
        "The app can no longer see {project}; what is stored of it stays as it is. Let the app browse it again.",
    ),
    Rule("poll_late", "The last poll that ended was {@age} ago."),
    Rule("change_late", "A change that Jira told of {@age} ago is not applied yet."),
]
FROZEN_PROJECT = [Rule("project_out_of_sight", "The app can no longer see {project}.")]
LEFT_OUT = [
    Rule("not_an_object", "{entity}: expected an object, got {type}"),
    Rule("no_id", "{entity}: no id"),
    Rule("row_refused", "{entity}: {id}: the database refuses it ({fault})"),
    Rule("bad_value", "{entity}: {id}: {column}: {error}"),
]
EVIDENCE = [
    Rule("child_deleted", "deleted: {event}"),
    Rule("security_changed", "hidden: its security level was changed"),
    Rule("moved_to", "moved: to project {project}"),
    Rule("direct_read", "a direct read"),
    Rule("webhook", "a webhook"),
    Rule("audit_log", "the audit log"),
    Rule("worklogs_deleted", "Jira's list of deleted worklogs"),
    Rule("in_project", "it is in project {project} now"),
    Rule("project_hidden", "its project is out of sight"),
    Rule("project_archived", "its project is archived"),
    Rule("project_deleted", "its project is deleted"),
    Rule("no_evidence", "nothing says that it was deleted"),
]
SETTLED_EVIDENCE = [
    Rule("child_deleted", "{event}_deleted"),
    Rule("security_changed", "its security level was changed"),
    Rule("moved_to", "to project {project}"),
]
"""Evidence without the cause in front of it, as settled absences have it."""
RUNS = [
    Rule("site_planned", "the whole site is read"),
    Rule("work_resumed", "work goes on"),
    Rule("walked_more_due", "{#parts} parts walked, more is due"),
    Rule("walked_rest_later", "{#parts} parts walked, the rest is due later"),
    Rule("walked_all", "{#parts} parts walked, nothing is left"),
    Rule("compared", "{#counts} counts compared, {#differing} differ"),
    Rule("reread", "{#deliveries} deliveries read again"),
    Rule("polled", "{#issues} issues changed lately, {#differing} of them were not here as they are there"),
    Rule("worklogs_read", "{#changed} worklogs changed, {#deleted} deleted"),
    Rule("lists_read", "{#lists} lists read again, {#changed} rows changed"),
    Rule("deliveries_recovered", "{#deliveries} webhooks that Jira could not deliver"),
    Rule("day_swept", "{#issues} issues of the last day compared, {#reread} read again, {#missed} not seen"),
    Rule("ids_swept", "{#ids} ids compared for as many points, {#reread} issues read again, {#missed} not seen"),
    Rule("absences_checked", "{*causes}"),
    Rule("signature_still_refused", "refused again"),
    Rule("licence_still_lapsed", "the licence is still lapsed"),
    Rule("licence_found_lapsed", "the licence has lapsed"),
    Rule("site_answers_again", "the site takes us again"),
    Rule("erased", "erased"),
]
CRASHES = [
    *FAILURES,
    Rule("redis_away", "Redis does not answer."),
    Rule("database_away", "The database does not answer."),
    Rule("database_lost", "The database connection was lost."),
    Rule("no_integration", "There is no such integration."),
    Rule("worker_killed", "The worker was killed."),
    Rule("crashed", "{error}"),
]
COLUMNS: list[tuple[str, str, list[Rule], str | None, str]] = [
    ("integrations", "state_reason", REASONS, None, "a condition (`app.conditions`)"),
    ("frozen_projects", "reason", FROZEN_PROJECT, None, "a condition (`app.conditions`)"),
    (
        "chunks",
        "problem",
        PROBLEMS,
        "why it waits or failed, in words for people",
        "a condition: why it waits or failed",
    ),
    ("poison", "reason", LEFT_OUT, None, "a condition (`app.conditions`)"),
    ("absences", "evidence", [*SETTLED_EVIDENCE, *EVIDENCE], "what says so", "a condition: the source that says so"),
    ("inbox", "problem", CRASHES, "why the last attempt did not end well", "a condition: why the last attempt failed"),
    ("activity", "detail", RUNS, None, "a condition: the result of the run"),
    ("activity", "error", CRASHES, None, "a condition: why it failed or was put off"),
]
"""Table, column, rules, the comment before and the comment after."""
_CAUSE = "unknown|deleted|moved|archived|hidden|permission lost|not indexed yet"
_ROWS = r"\d+ of \d+ \w+ rows"
_FORMS = {
    "": r".+",
    "#": r"\d+",
    "?": r".+",
    "+": rf"{_ROWS}(?:(?:, {_ROWS})* and {_ROWS})?",
    "*": rf"\d+ (?:{_CAUSE})(?:, \d+ (?:{_CAUSE}))*",
    "@": r"\d+ (?:minutes|hours)",
    "$": r"\d+ records?",
}
_NARROW = {
    "entity": r"\w+",
    "type": r"\w+",
    "column": r"\w+",
    "fault": r"\w+",
    "error": r"\w+",
    "event": r"\w+",
    "reason": r"[^()]+",
}
"""Forms of text parameters, where the sentence alone does not mark their end."""
_HOLE = re.compile(r"\{([#?+*@$]?)(\w+)\}")


@cache
def pattern_of(sentence: str) -> re.Pattern[str]:
    """A rule's sentence as an expression with a group for each parameter."""
    pieces, at = [], 0
    for hole in _HOLE.finditer(sentence):
        mark, name = hole.groups()
        form = _NARROW.get(name, _FORMS[mark]) if mark == "" else _FORMS[mark]
        pieces += [re.escape(sentence[at : hole.start()]), f"(?P<{name}>{form})"]
        at = hole.end()
    return re.compile("".join([*pieces, re.escape(sentence[at:])]), re.DOTALL)


def condition_of(text: str, rules: list[Rule]) -> dict[str, Any]:
    """The condition of a sentence."""
    for rule in rules:
        match = pattern_of(rule.sentence).fullmatch(text)
        if match is not None:
            params: dict[str, Any] = {}
            for mark, name in _HOLE.findall(rule.sentence):
                params |= _READERS[mark](name, match[name])
            return {"code": rule.code, **params, **rule.extras}
    return {"code": "other", "text": text}


def _text(name: str, text: str) -> dict[str, Any]:
    is_cut = name == "event" and not text.endswith("_deleted")
    return {name: f"{text}_deleted" if is_cut else text}


def _rows(_name: str, text: str) -> dict[str, Any]:
    rows = re.findall(r"(\d+) of (\d+) (\w+) rows", text)
    return {
        "missing": {entity: int(count) for count, _, entity in rows},
        "expected": {entity: int(total) for _, total, entity in rows},
    }


def _counts(name: str, text: str) -> dict[str, Any]:
    return {name: {cause: int(count) for count, cause in (part.split(" ", 1) for part in text.split(", "))}}


def _age(name: str, text: str) -> dict[str, Any]:
    count, unit = text.split(" ")
    return {name: int(count) * (60 if unit == "hours" else 1)}


_READERS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "": _text,
    "#": lambda name, text: {name: int(text)},
    "?": lambda name, text: {name: condition_of(text, FAILURES)},
    "+": _rows,
    "*": _counts,
    "@": _age,
    "$": lambda name, text: {name: int(text.partition(" ")[0])},
}


def sentence_of(condition: dict[str, Any], rules: list[Rule]) -> str:
    """The sentence of a condition; without a rule, its text or its code."""
    for rule in rules:
        if rule.code == condition["code"]:
            return _HOLE.sub(lambda hole: _written(hole[1], hole[2], condition), rule.sentence)
    return str(condition.get("text", condition["code"]))


def _written(mark: str, name: str, condition: dict[str, Any]) -> str:
    if mark == "+":
        totals = condition["expected"]
        parts = [f"{count} of {totals[entity]} {entity} rows" for entity, count in condition["missing"].items()]
        return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    value = condition[name]
    if mark == "?":
        return sentence_of(value, FAILURES)
    if mark == "*":
        return ", ".join(f"{count} {cause}" for cause, count in value.items())
    if mark == "@":
        hours, minutes = divmod(value, 60)
        return f"{value} minutes" if (hours, minutes) < (2, 0) else f"{hours} hours"
    if mark == "$":
        return f"{value} record{'s' if value > 1 else ''}"
    return str(value)


def upgrade() -> None:
    for table, column, rules, before, after in COLUMNS:
        _rewrite(table, column, partial(_forth, rules=rules))
        op.alter_column(table, column, existing_type=sa.Text(), existing_comment=before, comment=after)


def downgrade() -> None:
    for table, column, rules, before, after in COLUMNS:
        old_rules = EVIDENCE if column == "evidence" else rules
        _rewrite(table, column, partial(_back, rules=old_rules))
        op.alter_column(table, column, existing_type=sa.Text(), existing_comment=after, comment=before)
    op.execute(
        "UPDATE absences SET evidence = split_part(evidence, ': ', 2)"
        " WHERE settled_at IS NOT NULL AND split_part(evidence, ': ', 1) IN ('deleted', 'hidden', 'moved')"
    )


def _forth(text: str, rules: list[Rule]) -> str:
    return json.dumps(condition_of(text, rules), ensure_ascii=False)


def _back(text: str, rules: list[Rule]) -> str:
    """The sentence of a stored condition; a sentence written by the previous version stays."""
    try:
        return sentence_of(json.loads(text), rules)
    except (KeyError, TypeError, ValueError):
        return text


def _rewrite(name: str, column: str, convert: Callable[[str], str]) -> None:
    """Replace every text of a column: each is converted once, and one statement changes the rows."""
    bind, table = op.get_bind(), sa.table(name, sa.column(column))
    texts = bind.execute(sa.select(table.c[column]).where(table.c[column].is_not(None)).distinct()).scalars().all()
    if not texts:
        return
    op.execute("CREATE TEMPORARY TABLE rewritten (text text NOT NULL, new text NOT NULL) ON COMMIT DROP")
    replacements = sa.table("rewritten", sa.column("text"), sa.column("new"))
    bind.execute(sa.insert(replacements), [{"text": text, "new": convert(text)} for text in texts])
    bind.execute(sa.update(table).where(table.c[column] == replacements.c.text).values({column: replacements.c.new}))
    op.execute("DROP TABLE rewritten")
