"""Issues, boards and the catalogue: immutable records around Jira's own objects."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.moments import parse_ms
from sandbox.shapes import JsonObject

Entries = tuple[JsonObject, ...]
FIRST_FILTER = 10_000
"""Id of the filter of board 0; other filters follow by board id."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue with all its children. `fields` contains neither comments nor worklogs."""

    id: str
    key: str
    fields: JsonObject
    histories: Entries = ()  # oldest first; answers show them newest first
    comments: Entries = ()
    worklogs: Entries = ()
    remote_links: Entries = ()
    agile: JsonObject = field(default_factory=dict)  # extra fields of /rest/agile
    former_keys: tuple[str, ...] = ()
    archive_fields: JsonObject | None = None  # archiveddate and archivedby of an archived issue
    is_hidden: bool = False  # has a security level that the app's user lacks
    created_ms: int = field(init=False)
    updated_ms: int = field(init=False)

    def __post_init__(self) -> None:
        """Parse both times once, because every search compares them."""
        object.__setattr__(self, "created_ms", parse_ms(self.fields["created"]))
        object.__setattr__(self, "updated_ms", parse_ms(self.fields["updated"]))

    @property
    def project_id(self) -> str:
        """The id of the issue's current project."""
        return str(self.fields["project"]["id"])

    @property
    def is_searchable(self) -> bool:
        """Whether a search by the app's user can return the issue."""
        return not self.is_hidden and self.archive_fields is None

    @property
    def place(self) -> tuple[int, int]:
        """The sort key of creation order."""
        return (self.created_ms, int(self.id))


@dataclass(frozen=True, slots=True)
class Board:
    """A board: Jira's object, its filter, its columns and its sprints."""

    json: JsonObject
    filter_jql: str
    columns: tuple[JsonObject, ...]
    sprint_ids: tuple[int, ...] = ()
    members: frozenset[str] | None = None  # from recordings; without it the filter decides
    estimation_field: str | None = "customfield_10024"
    sub_query: str = ""

    @property
    def id(self) -> int:
        """Jira's id of the board."""
        return int(self.json["id"])

    @property
    def filter_id(self) -> int:
        """Id of its filter: filters follow by board id."""
        return FIRST_FILTER + self.id

    @property
    def has_sprints(self) -> bool:
        """Whether the board has sprints: a scrum board does, and a team-managed one where its team wants them."""
        return self.json["type"] == "scrum" or bool(self.sprint_ids)


@dataclass(slots=True)
class Catalogue:
    """Everything on a site besides issues. Values are Jira's objects, keyed by Jira's id as a string."""

    projects: dict[str, JsonObject] = field(default_factory=dict)
    statuses: dict[str, JsonObject] = field(default_factory=dict)
    issue_types: dict[str, JsonObject] = field(default_factory=dict)
    priorities: dict[str, JsonObject] = field(default_factory=dict)
    resolutions: dict[str, JsonObject] = field(default_factory=dict)
    link_types: dict[str, JsonObject] = field(default_factory=dict)
    fields: dict[str, JsonObject] = field(default_factory=dict)
    users: dict[str, JsonObject] = field(default_factory=dict)
    versions: dict[str, JsonObject] = field(default_factory=dict)  # with projectId
    components: dict[str, JsonObject] = field(default_factory=dict)  # with projectId
    boards: dict[int, Board] = field(default_factory=dict)
    sprints: dict[int, JsonObject] = field(default_factory=dict)
    administrators: frozenset[str] = frozenset()
