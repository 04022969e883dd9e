"""A person's query in Jira's own language, checked before issues are selected by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.conversion import clean
from app.catalog.json_value import Json, find
from app.conditions import Code
from app.errors import JiraNonsense, JiraRejected
from app.sources.answers import QueryCheck
from app.sources.cloud.issues import EVERYTHING, count_of
from app.sources.cloud.pages import list_in
from app.sources.cloud.rest import path_of
from app.sources.outcomes import attempt

if TYPE_CHECKING:
    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding

_SAMPLE = 5
_MOST_PROBLEMS, _LONGEST = 3, 300
"""Problems that are passed on, and characters of each: they are the site's own words."""


def check(site: CloudSession, jql: str) -> QueryCheck | Finding:
    """Parse a condition strictly, count its issues and name the newest; an empty one takes all. Raises a JiraFailure."""
    return attempt(lambda: _check(site, jql or EVERYTHING), names_object=False)


def _check(site: CloudSession, jql: str) -> QueryCheck:
    if problems := _problems(site, jql):
        return QueryCheck(problems)
    path = path_of("search/jql")
    query: dict[str, str | int] = {"jql": f"({jql}) ORDER BY created DESC", "fields": "key", "maxResults": _SAMPLE}
    issues = list_in(site.get(path, query).body, "issues", path)
    sample = tuple(str(find(issue, "key")) for issue in issues)
    return QueryCheck((), count_of(site, f"({jql})"), sample)


def _problems(site: CloudSession, jql: str) -> tuple[str, ...]:
    path = path_of("jql/parse")
    try:
        body = site.post(path, {"queries": [jql]}).body
    except JiraRejected:
        # Not even parsed. Jira's words about it aren't kept in failures.
        return ("",)
    queries = find(body, "queries")
    if not isinstance(queries, list) or not queries:
        raise JiraNonsense(Code.OBJECT_MISSING, path=path)
    own_queries = [query for query in queries if find(query, "query") == jql]
    errors: Json = find((own_queries or queries)[0], "errors")
    texts = [clean(text)[:_LONGEST] for text in errors if isinstance(text, str)] if isinstance(errors, list) else []
    return tuple(texts[:_MOST_PROBLEMS])
