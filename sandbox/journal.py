"""Keeps the site's state in a file, write by write, so that a process that is killed comes back as it was.

One JSON object a line, appended with each write, so that it survives the process (not the machine). What is
not kept: page tokens, counters, deliveries that had not left. Reading it writes it anew, without what was overwritten.
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
"""Ids skipped after a return: those of things that are gone must not be given again."""
_BY_NUMBER = frozenset({"sprints"})


@dataclass(slots=True)
class State:
    """What a journal holds."""

    world: World
    app: Installation | None = None
    app_url: str | None = None
    options: JsonObject = field(default_factory=dict)


class Journal:
    """Watches a world and writes down what happens to it."""

    def __init__(self, path: Path) -> None:
        """Keep the state at `path`; nothing is opened before `keep`."""
        self._path = path
        self._lock = threading.Lock()
        self._world: World | None = None

    def read(self) -> State | None:
        """Return the state as it was left; None where there is none yet."""
        if not self._path.exists():
            return None
        issues: dict[str, JsonObject] = {}
        latest: JsonObject = {}
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the process was killed in the middle of it
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
        """Write the state down whole, and from now on whatever changes."""
        fresh = self._path.with_suffix(".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh.touch(mode=0o600)  # it holds the secret shared with the app
        with world.lock:
            with fresh.open("wb") as file:
                for line in ({"rest": _rest(world)}, _app(app, app_url), {"options": options}):
                    file.write(orjson.dumps(line) + b"\n")
                for issue in world.issues.values():
                    file.write(orjson.dumps({"issue": _issue(issue)}) + b"\n")
            fresh.replace(self._path)
            self._world = world
            world.watchers.append(self)

    def issue_changed(self, before: Issue | None, after: Issue | None) -> None:
        """Write an issue down as it is now."""
        if after is not None:
            self._write({"issue": _issue(after)})
        elif before is not None:
            self._write({"gone": before.id})

    def rest_changed(self) -> None:
        """Write down all that is not issues."""
        if self._world is not None:
            self._write({"rest": _rest(self._world)})

    def app_changed(self, app: Installation, app_url: str | None) -> None:
        """Write down how the app is installed."""
        self._write(_app(app, app_url))

    def options_changed(self, options: JsonObject) -> None:
        """Write down how the site's switches stand."""
        self._write({"options": options})

    def _write(self, entry: JsonObject) -> None:
        line = orjson.dumps(entry) + b"\n"
        with self._lock, self._path.open("ab") as file:
            file.write(line)


def _issue(issue: Issue) -> JsonObject:
    derived = {"created_ms", "updated_ms"}
    return {each.name: getattr(issue, each.name) for each in fields(issue) if each.name not in derived}


def _rest(world: World) -> JsonObject:
    catalogue = world.catalogue
    named: JsonObject = {
        each.name: [*getattr(catalogue, each.name).values()]
        for each in fields(catalogue)
        if each.name not in {"boards", "administrators"}
    }
    boards = [
        {**asdict(each), "members": None if each.members is None else sorted(each.members)}
        for each in catalogue.boards.values()
    ]
    feeds: JsonObject = {"deleted_worklogs": world.deleted_worklogs, "audit": world.audit}
    named |= {"boards": boards, "administrators": sorted(catalogue.administrators)}
    return {"timezone": world.timezone, "catalogue": named, "lost_projects": sorted(world.lost_projects), **feeds}


def _world(rest: JsonObject, issues: dict[str, JsonObject]) -> World:
    kept = rest["catalogue"]
    parts: JsonObject = {
        name: {_key(name, each): each for each in values}
        for name, values in kept.items()
        if name not in {"boards", "administrators"}
    }
    catalogue = Catalogue(**parts, administrators=frozenset(kept["administrators"]))
    for each in kept["boards"]:
        board = _board(each)
        catalogue.boards[board.id] = board
    made = World(catalogue, [Issue(**{**each, **_tuples(each)}) for each in issues.values()], rest["timezone"])
    made.lost_projects = frozenset(rest["lost_projects"])
    made.deleted_worklogs = [(key, moment) for key, moment in rest["deleted_worklogs"]]
    made.audit = rest["audit"]
    return made


def _key(name: str, each: JsonObject) -> Any:  # noqa: ANN401 - sprints go by number
    if name == "users":
        return each["accountId"]
    return int(each["id"]) if name in _BY_NUMBER else str(each["id"])


def _tuples(issue: JsonObject) -> JsonObject:
    names = ("histories", "comments", "worklogs", "remote_links", "former_keys")
    return {name: tuple(issue[name]) for name in names}


def _board(kept: JsonObject) -> Board:
    members = kept["members"]
    lists = {name: tuple(kept[name]) for name in ("columns", "sprint_ids")}
    return Board(**{**kept, **lists, "members": None if members is None else frozenset(members)})


def _app(app: Installation, app_url: str | None) -> JsonObject:
    facts = {each.name: getattr(app, each.name) for each in fields(app)}
    return {"app": {**facts, "descriptor": app.descriptor and app.descriptor.json}, "app_url": app_url}


def _installation(kept: JsonObject | None) -> Installation | None:
    if kept is None:
        return None
    descriptor = kept["descriptor"]
    return Installation(**{**kept, "descriptor": Descriptor(descriptor) if descriptor else None})
