"""Draws the children of issues: histories, comments, worklogs, attachments, remote links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.site.templates.catalogue import ORIGIN, SPRINT_FIELD
from bench.site.templates.ids import ATTACHMENT, CHANGELOG, COMMENT, ISSUE, REMOTE, WORKLOG, id_of, number_of
from bench.site.templates.rich_text import RichText
from bench.site.templates.slots import SlottedJson, integer, moment

if TYPE_CHECKING:
    from random import Random

    from bench.site.templates.catalogue import Catalogue, Object
    from bench.site.templates.template import Rows

_WORDS = (  # noqa: SIM905 - words are easier to read than a list of them
    "the export of a large board stops after the first page when the filter holds a quotation mark and nobody notices "
    "because the count is right we should read the response again and compare both before we tell the customer that "
    "everything is stored Grüße aus München 次のスプリントで直します see the log of the second worker for details"
).split()


class ChildFactory:
    """Draws children; their numbers continue from issue to issue."""

    def __init__(self, chance: Random, catalogue: Catalogue) -> None:
        self._chance = chance
        self._catalogue = catalogue
        self._next = dict.fromkeys((CHANGELOG, COMMENT, WORKLOG, ATTACHMENT, REMOTE), 0)

    def lists(self, number: int, first_ms: int, last_ms: int, rows: Rows) -> dict[str, list[Object]]:
        """Return histories, comments and worklogs of an issue, with times between `first_ms` and `last_ms`."""
        chance = self._chance
        histories = chance.randint(41, 160) if chance.random() < 0.015 else min(40, int(chance.gauss(18.3, 9)))  # noqa: PLR2004 - shares
        comments = chance.randint(21, 60) if chance.random() < 0.01 else min(20, int(chance.expovariate(1 / 5)))  # noqa: PLR2004 - shares
        worklogs = chance.randint(21, 80) if chance.random() < 0.01 else min(20, int(chance.expovariate(1 / 3)))  # noqa: PLR2004 - shares
        return {
            "changelog": [self._history(ms, rows) for ms in self._times(max(2, histories), first_ms, last_ms)],
            "comment": [self._comment(number, ms, rows) for ms in self._times(comments, first_ms, last_ms)],
            "worklog": [self._worklog(number, ms, rows) for ms in self._times(worklogs, first_ms, last_ms)],
        }

    def person(self, rows: Rows) -> Object:
        """Return a random user and count the user among the issue's people."""
        person: Object = self._chance.choice(self._catalogue.users)
        rows.people.add(person["accountId"])
        return person

    def text(self, words: int) -> str:
        """Return so many random words."""
        return " ".join(self._chance.choices(_WORDS, k=words))

    def attachments(self, ms: int, rows: Rows) -> list[Object]:
        """Return up to six attachments."""
        attachments = []
        for _ in range(min(6, int(self._chance.expovariate(0.9)))):
            attachment = self._new(ATTACHMENT)
            rows.add("attachment", number_of(ATTACHMENT, attachment), ms)
            url = f"{ORIGIN}/rest/api/3/attachment"
            attachments.append(
                {
                    "self": f"{url}/{id_of(ATTACHMENT, attachment)}",
                    "id": id_of(ATTACHMENT, attachment),
                    "filename": f"Screenshot {attachment}.png",
                    "author": self.person(rows),
                    "created": moment(ms),
                    "size": self._chance.randint(1000, 2_000_000),
                    "mimeType": "image/png",
                    "content": f"{url}/content/{id_of(ATTACHMENT, attachment)}",
                    "thumbnail": f"{url}/thumbnail/{id_of(ATTACHMENT, attachment)}",
                }
            )
        return attachments

    def remote_links(self, number: int, histories: list[Object], rows: Rows) -> SlottedJson:
        """Return links to commits for one issue in a hundred, and mention them in the last two histories."""
        if self._chance.random() >= 0.01:  # noqa: PLR2004 - a share
            return SlottedJson([])
        links = []
        for history in histories[-2:]:
            link = self._new(REMOTE)
            rows.add("remote_link", number_of(REMOTE, link), 0)
            title = f"Commit - {link:06d}"
            history["items"] = [
                _item("RemoteIssueLink", None, None, None, id_of(REMOTE, link), f'This links to "{title}"')
            ]
            links.append(
                {
                    "id": integer(id_of(REMOTE, link)),
                    "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}/remotelink/{id_of(REMOTE, link)}",
                    "application": {"type": "com.example.git", "name": "Git"},
                    "object": {
                        "url": f"https://git.example.com/c/{id_of(REMOTE, link)}",
                        "title": title,
                        "icon": {},
                        "status": {"icon": {}},
                    },
                }
            )
        return SlottedJson(links)

    def _times(self, count: int, first_ms: int, last_ms: int) -> list[int]:
        return sorted(self._chance.randint(first_ms, last_ms) for _ in range(count))

    def _new(self, kind: int) -> int:
        self._next[kind] += 1
        return self._next[kind]

    def _history(self, ms: int, rows: Rows) -> Object:
        history = self._new(CHANGELOG)
        rows.add("changelog", number_of(CHANGELOG, history), ms)
        return {
            "id": id_of(CHANGELOG, history),
            "author": self.person(rows),
            "created": moment(ms),
            "items": self._items(),
        }

    def _items(self) -> list[Object]:
        chance = self._chance
        kind = chance.choice(("status", "status", "assignee", "description", "Sprint", "priority"))
        if kind == "status":
            before, after = chance.sample(self._catalogue.statuses, 2)
            return [_item("status", "status", before["id"], before["name"], after["id"], after["name"])]
        if kind == "assignee":
            after = chance.choice(self._catalogue.users)
            return [_item("assignee", "assignee", None, None, after["accountId"], after["displayName"])]
        if kind == "description":
            return [_item("description", "description", None, self.text(10), None, self.text(24))]
        if kind == "Sprint":
            return [_item("Sprint", SPRINT_FIELD, "101", "Sprint 2", "101, 102", "Sprint 2, Sprint 3", "custom")]
        return [
            _item("priority", "priority", "3", "Medium", "2", "High"),
            _item("labels", "labels", None, "", None, "urgent"),
        ]

    def _comment(self, number: int, ms: int, rows: Rows) -> Object:
        comment = self._new(COMMENT)
        rows.add("comment", number_of(COMMENT, comment), ms)
        author = self.person(rows)
        return {
            "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}/comment/{id_of(COMMENT, comment)}",
            "id": id_of(COMMENT, comment),
            "author": author,
            "body": RichText(self.text(self._chance.randint(5, 60))),
            "updateAuthor": author,
            "created": moment(ms),
            "updated": moment(ms),
            "jsdPublic": True,
        }

    def _worklog(self, number: int, ms: int, rows: Rows) -> Object:
        worklog, hours = self._new(WORKLOG), self._chance.randint(1, 8)
        rows.add("worklog", number_of(WORKLOG, worklog), ms)
        author = self.person(rows)
        return {
            "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}/worklog/{id_of(WORKLOG, worklog)}",
            "author": author,
            "updateAuthor": author,
            "comment": RichText(self.text(self._chance.randint(3, 12))),
            "created": moment(ms),
            "updated": moment(ms),
            "started": moment(ms),
            "timeSpent": f"{hours}h",
            "timeSpentSeconds": hours * 3600,
            "id": id_of(WORKLOG, worklog),
            "issueId": id_of(ISSUE, number),
        }


def _item(  # noqa: PLR0913, PLR0917 - Jira's own columns
    name: str,
    field_id: str | None,
    before: str | None,
    before_text: str | None,
    after: str | None,
    after_text: str | None,
    kind: str = "jira",
) -> Object:
    item = {"field": name, "fieldtype": kind, "from": before, "fromString": before_text}
    item |= {"to": after, "toString": after_text}
    return item | ({"fieldId": field_id} if field_id else {})
