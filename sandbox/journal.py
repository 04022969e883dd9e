"""Keeps the site's state in a file; a killed process resumes with the same state.

Each write appends one JSON object as a line. The file survives the process, not the machine. Page tokens, counters and
pending deliveries are not part of it. A restart compacts the file.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.connect.descriptor import Descriptor
from sandbox.connect.installation import Installation
from sandbox.world import Board, Catalogue, Issue, World

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.shapes import JsonObject

_ID_GAP = 100_000
"""Ids skipped after a restart, because ids of deleted objects must not be reused."""
_BY_NUMBER = frozenset({"sprints"})


@dataclass(slots=True)
class State:
    """The contents of a journal."""

    world: World
    app: Installation | None = None
    app_url: str | None = None
    options: JsonObject = field(default_factory=dict)


class Journal:
    """Watches a world and appends its changes to a file."""

    def __init__(self, path: Path) -> None:
        """Keep the state at `path`; `keep` opens the file."""
        self._path = path
        self._lock = threading.Lock()
        self._world: World | None = None

    def read(self) -> State | None:
        """Return the stored state; None where there is none yet."""
        if not self._path.exists():
            return None
        issues: dict[str, JsonObject] = {}
        latest: JsonObject = {}
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the process was killed within this line
                entry = orjson.loads(line)
                if "issue" in entry:
                    issues[entry["issue"]["id"]] = entry["issue"]
                elif "gone" in entry:
                    issues.pop(entry["gone"], None)
                else:
                    latest |= entry
        world = _world(latest["rest"], issues)
        world.skip_ids(_ID_GAP)
        return State(world, _installation(latest.get("app")), latest.get("app_url"), latest.get("options") or {})

    def keep(self, world: World, app: Installation, app_url: str | None, options: JsonObject) -> None:
        """Write the whole state, and append every change from now on."""
        fresh = self._path.with_suffix(".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh.touch(mode=0o600)  # it holds the secret shared with the app
        with world.lock:
            with fresh.open("wb") as file:
                for line in ({"rest": _snapshot(world)}, _app(app, app_url), {"options": options}):
                    file.write(orjson.dumps(line) + b"\n")
                for issue in world.issues.values():
                    file.write(orjson.dumps({"issue": _issue(issue)}) + b"\n")
            fresh.replace(self._path)
            self._world = world
            world.watchers.append(self)

    def issue_changed(self, before: Issue | None, after: Issue | None) -> None:
        """Append the issue's current record, or its deletion."""
        if after is not None:
            self._write({"issue": _issue(after)})
        elif before is not None:
            self._write({"gone": before.id})

    def catalogue_changed(self) -> None:
        """Append everything except issues."""
        if self._world is not None:
            self._write({"rest": _snapshot(self._world)})

    def app_changed(self, app: Installation, app_url: str | None) -> None:
        """Append the app's installation."""
        self._write(_app(app, app_url))

    def options_changed(self, options: JsonObject) -> None:
        """Append the site's options."""
        self._write({"options": options})

    def _write(self, entry: JsonObject) -> None:
        line = orjson.dumps(entry) + b"\n"
        with self._lock, self._path.open("ab") as file:
            file.write(line)


def _issue(issue: Issue) -> JsonObject:
    computed_fields = {"created_ms", "updated_ms"}
    return {field.name: getattr(issue, field.name) for field in fields(issue) if field.name not in computed_fields}


def _snapshot(world: World) -> JsonObject:
    catalogue = world.catalogue
    objects: JsonObject = {
        field.name: [*getattr(catalogue, field.name).values()]
        for field in fields(catalogue)
        if field.name not in {"boards", "administrators"}
    }
    boards = [
        {**asdict(board), "members": None if board.members is None else sorted(board.members)}
        for board in catalogue.boards.values()
    ]
    feeds: JsonObject = {"deleted_worklogs": world.deleted_worklogs, "audit": world.audit}
    objects |= {"boards": boards, "administrators": sorted(catalogue.administrators)}
    return {"timezone": world.timezone, "catalogue": objects, "lost_projects": sorted(world.lost_projects), **feeds}


def _world(snapshot: JsonObject, issues: dict[str, JsonObject]) -> World:
    objects = snapshot["catalogue"]
    parts: JsonObject = {
        name: {_key(name, item): item for item in values}
        for name, values in objects.items()
        if name not in {"boards", "administrators"}
    }
    catalogue = Catalogue(**parts, administrators=frozenset(objects["administrators"]))
    for record in objects["boards"]:
        board = _board(record)
        catalogue.boards[board.id] = board
    world = World(catalogue, [Issue(**{**issue, **_tuples(issue)}) for issue in issues.values()], snapshot["timezone"])
    world.lost_projects = frozenset(snapshot["lost_projects"])
    world.deleted_worklogs = [(key, moment) for key, moment in snapshot["deleted_worklogs"]]
    world.audit = snapshot["audit"]
    return world


def _key(name: str, item: JsonObject) -> Any:  # noqa: ANN401 - sprints have integer keys
    if name == "users":
        return item["accountId"]
    return int(item["id"]) if name in _BY_NUMBER else str(item["id"])


def _tuples(issue: JsonObject) -> JsonObject:
    names = ("histories", "comments", "worklogs", "remote_links", "former_keys")
    return {name: tuple(issue[name]) for name in names}


def _board(record: JsonObject) -> Board:
    members = record["members"]
    lists = {name: tuple(record[name]) for name in ("columns", "sprint_ids")}
    return Board(**{**record, **lists, "members": None if members is None else frozenset(members)})


def _app(app: Installation, app_url: str | None) -> JsonObject:
    facts = {field.name: getattr(app, field.name) for field in fields(app)}
    return {"app": {**facts, "descriptor": app.descriptor and app.descriptor.json}, "app_url": app_url}


def _installation(record: JsonObject | None) -> Installation | None:
    if record is None:
        return None
    descriptor = record["descriptor"]
    return Installation(**{**record, "descriptor": Descriptor(descriptor) if descriptor else None})
