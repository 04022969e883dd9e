"""Shared tools of all changes: pick the target, write histories, maintain `updated`, build events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox import rendering
from sandbox.moments import in_zone, zone
from sandbox.shapes import ORIGIN, JiraError, JsonObject, NotNowError

if TYPE_CHECKING:
    from random import Random

    from sandbox.world import Entries, Issue, World

T = TypeVar("T")
Kind = Callable[["Editor", JsonObject], "Change"]
EMBEDDED_PROJECT = ("self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls")
"""Fields of a project that issues carry."""


@dataclass(slots=True)
class Event:
    """A webhook event to send; the app's JQL filters are tested on `issue`."""

    name: str
    body: JsonObject
    issue: Issue | None = None
    flow: str = "Primary"


@dataclass(slots=True)
class Change:
    """The effect of one mutation: the entity in the product's words, ids, and events to send."""

    entity: str
    id: str
    issue_id: str | None = None
    detail: JsonObject = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    kind: str = ""
    made_at: int = 0  # epoch ms

    def as_json(self) -> JsonObject:
        """Return the answer of the control API."""
        facts = {"kind": self.kind, "entity": self.entity, "id": self.id, "issue_id": self.issue_id, **self.detail}
        return {**facts, "events": [event.name for event in self.events]}


class Editor:
    """Picks targets from the world and saves changed issues."""

    def __init__(self, world: World, chance: Random, clock: Callable[[], int]) -> None:
        """Draw unspecified parameters from `chance`."""
        self.world = world
        self.chance = chance
        self._clock = clock

    def now(self) -> int:
        """Return the time of the change in epoch milliseconds."""
        return self._clock()

    def stamp(self) -> str:
        """Return the time of the change as Jira writes it."""
        return in_zone(self._clock(), zone(self.world.timezone))

    def issue(self, parameters: JsonObject, *, children: str = "", name: str = "issue") -> Issue:
        """Return the issue with id or key `parameters[name]`, or a random searchable one (with `children`)."""
        if name in parameters:
            match = self.world.find(str(parameters[name]))
            if match is None:
                raise JiraError(404, f"no issue {parameters[name]!r}")
            if children and not getattr(match, children):
                raise NotNowError(f"issue {parameters[name]!r} has no {children}")
            return match
        project = parameters.get("project")
        projects = None if project is None else [str(self.project(parameters)["id"])]
        candidates = [issue for issue in self.world.searchable(projects) if not children or getattr(issue, children)]
        return self.pick(candidates, f"issue with {children or 'any state'} to change")

    def project(self, parameters: JsonObject, name: str = "project") -> JsonObject:
        """Return the project with id or key `parameters[name]`, or a random one with issues."""
        if name in parameters:
            match = self.world.project(str(parameters[name]))
            if match is None:
                raise JiraError(404, f"no project {parameters[name]!r}")
            return match
        project_ids = [key for key, members in self.world.by_project.items() if members and self.world.is_open(key)]
        return self.world.catalogue.projects[self.pick(project_ids, "project with issues")]

    def person(self, parameters: JsonObject, name: str = "user") -> JsonObject:
        """Return the user with account id `parameters[name]`, or a random active person."""
        users = self.world.catalogue.users
        if name in parameters:
            if parameters[name] not in users:
                raise JiraError(404, f"no user {parameters[name]!r}")
            return users[parameters[name]]
        people = [user for user in users.values() if user["active"] and user["accountType"] != "app"]
        return self.pick(people, "active person")

    def entry(self, entries: Entries, parameters: JsonObject, name: str) -> JsonObject:
        """Return the entry with id `parameters[name]`, or a random one."""
        if name in parameters:
            match = next((entry for entry in entries if str(entry["id"]) == str(parameters[name])), None)
            if match is None:
                raise JiraError(404, f"no {name} {parameters[name]!r}")
            return match
        return self.pick(entries, name)

    def choose(self, parameters: JsonObject, name: str, objects: dict[str, JsonObject]) -> JsonObject:
        """Return the object with id or name `parameters[name]`, or a random one."""
        if name not in parameters:
            return self.pick([*objects.values()], name)
        id_or_name = str(parameters[name])
        for candidate in objects.values():
            if id_or_name in {str(candidate["id"]), candidate.get("name")}:
                return candidate
        raise JiraError(404, f"no {name} {id_or_name!r}")

    def new_name(self, parameters: JsonObject, name: str) -> str:
        """Return `parameters["name"]`, or `name` with a random suffix in place of an earlier one."""
        return str(parameters.get("name") or f"{name.split(' · ', maxsplit=1)[0]} · {self.chance.randrange(10**4)}")

    def pick(self, things: Sequence[T], description: str) -> T:
        """Return a random element. Raises NotNowError (409) where there is none."""
        if not things:
            raise NotNowError(f"no {description}")
        return self.chance.choice(things)

    def save(
        self, issue: Issue, author: JsonObject, items: Iterable[JsonObject], **fields: object
    ) -> tuple[Issue, JsonObject]:
        """Save the issue with new field values and one history; return both."""
        timestamp = self.stamp()
        history = {"id": self.world.new_id(), "author": author, "created": timestamp, "items": list(items)}
        record = replace(
            issue, fields={**issue.fields, **fields, "updated": timestamp}, histories=(*issue.histories, history)
        )
        self.world.put(record)
        return record, history

    def touch(self, issue: Issue, **parts: Any) -> Issue:  # noqa: ANN401 - any part of an issue
        """Save the issue with other parts and a new `updated`, without a history."""
        record = replace(issue, fields={**issue.fields, "updated": self.stamp()}, **parts)
        self.world.put(record)
        return record


def item(
    field_name: str,
    before: tuple[str | None, str | None],
    after: tuple[str | None, str | None],
    field_id: str | None = None,
) -> JsonObject:
    """Return a changelog item from (id, text) before and after."""
    kind = "custom" if field_id and field_id.startswith("customfield") else "jira"
    fields: JsonObject = {"field": field_name, "fieldtype": kind, "fieldId": field_id or field_name}
    return {**fields, "from": before[0], "fromString": before[1], "to": after[0], "toString": after[1]}


def id_and_name(value: JsonObject | None) -> tuple[str | None, str | None]:
    """Return an object's id and name, as a changelog shows them."""
    return (None, None) if value is None else (str(value["id"]), value["name"])


def full_issue(issue: Issue) -> JsonObject:
    """Return the issue as webhooks carry it: version 2, all fields, truncated children."""
    selection = rendering.Selection.of((), "*all")
    body = rendering.issue(issue, selection, frozenset(), rendering.SEARCH, "2")
    return {name: body[name] for name in ("id", "self", "key", "fields")}


def short_issue(issue: Issue) -> JsonObject:
    """Return the issue as comment events carry it."""
    names = ("summary", "issuetype", "project", "assignee", "priority", "status")
    fields = {name: issue.fields.get(name) for name in names}
    return {"id": issue.id, "self": f"{ORIGIN}/rest/api/2/issue/{issue.id}", "key": issue.key, "fields": fields}


def public_profile(user: JsonObject) -> JsonObject:
    """Return a user as events carry it, without e-mail and locale."""
    return {name: value for name, value in user.items() if name not in {"emailAddress", "locale"}}


def update_event(
    issue: Issue, author: JsonObject, type_name: str, history: JsonObject | None = None, **extra: object
) -> Event:
    """Return `jira:issue_updated` with the changelog of this change."""
    body: JsonObject = {
        "issue_event_type_name": type_name,
        "user": public_profile(author),
        "issue": full_issue(issue),
        **extra,
    }
    if history is not None:
        body["changelog"] = {"id": history["id"], "items": history["items"]}
    return Event("jira:issue_updated", body, issue)


def edit(editor: Editor, issue: Issue, author: JsonObject, items: Iterable[JsonObject], **fields: object) -> Change:
    """Edit an issue's fields with one history; return the change with its event."""
    issue, history = editor.save(issue, author, items, **fields)
    detail = {"key": issue.key, "changelog_id": history["id"]}
    return Change("issue", issue.id, issue.id, detail, [update_event(issue, author, "issue_updated", history)])


def with_entry(entries: Entries, new: JsonObject) -> Entries:
    """Return the entries with `new` in place of the entry with the same id."""
    return tuple(new if entry["id"] == new["id"] else entry for entry in entries)
