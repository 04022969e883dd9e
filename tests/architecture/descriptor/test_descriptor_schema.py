"""The descriptor follows Connect's descriptor schema, in the two passes of Atlassian's own validator.

`atlassian-connect-validator` ships no schema, so the rules for our modules stand beside this file. Like the validator,
the test reads them twice: as they are, for errors, and with a closed root, for keys that Jira would silently ignore.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from app.web.connect import DESCRIPTOR, descriptor
from tests.conftest import a_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.config import Settings

SCHEMA: dict[str, Any] = json.loads(Path(__file__).with_name("connect-descriptor.schema.json").read_text("utf-8"))
CLOSED_SCHEMA = {**SCHEMA, "additionalProperties": False}
Json = dict[str, Any]


def errors(document: object) -> list[str]:
    """Paths and rules that Jira would refuse."""
    return [*_violations(SCHEMA, document), *_repeated_keys(document)]


def warnings(document: object) -> list[str]:
    """Paths that Jira would ignore."""
    return sorted(set(_violations(CLOSED_SCHEMA, document)) - set(_violations(SCHEMA, document)))


def _violations(schema: Json, document: object) -> list[str]:
    problems = Draft202012Validator(schema).iter_errors(document)
    return sorted(f"{problem.json_path}: {problem.validator}" for problem in problems)


def _repeated_keys(document: object) -> list[str]:
    """Module keys are unique in an app, across all kinds of modules."""
    modules = document.get("modules") if isinstance(document, dict) else None
    if not isinstance(modules, dict):
        return []
    entries = [module for entry in modules.values() for module in (entry if isinstance(entry, list) else [entry])]
    counts = Counter(
        module["key"] for module in entries if isinstance(module, dict) and isinstance(module.get("key"), str)
    )
    return [f"$.modules: key {key} is used {count} times" for key, count in counts.items() if count > 1]


def served(settings: Settings) -> Json:
    """The document as Jira fetches it."""
    document: Json = json.loads(json.dumps(descriptor(settings)))
    return document


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("base_url", ["https://app.test", "https://app.test/base/path", "http://127.0.0.1:8080"])
def test_what_we_serve_has_no_errors_and_no_warnings(base_url: str) -> None:
    document = served(a_settings(base_url=base_url))
    assert errors(document) == []
    assert warnings(document) == []


def test_the_file_itself_lacks_only_the_address() -> None:
    assert errors(json.loads(DESCRIPTOR.read_text("utf-8"))) == ["$.baseUrl: pattern"]


def _set(*path: str | int, to: object) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        *steps, last = path
        node: Any = document
        for step in steps:
            node = node[step]
        node[last] = to

    return change


def _drop(*path: str | int) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        *steps, last = path
        node: Any = document
        for step in steps:
            node = node[step]
        del node[last]

    return change


PAGE = ("modules", "generalPages", 0)
HOOK = ("modules", "webhooks", 0)
WRONG: dict[str, Callable[[Json], None]] = {
    "no key": _drop("key"),
    "a key of 65 signs": _set("key", to="k" * 65),
    "a key with a blank": _set("key", to="io.harness sei"),
    "a key that is a number": _set("key", to=7),
    "no name": _drop("name"),
    "an empty name": _set("name", to=""),
    "no address": _drop("baseUrl"),
    "an address with a slash at its end": _set("baseUrl", to="https://app.test/"),
    "an address with a query": _set("baseUrl", to="https://app.test?x=1"),
    "an address with a user": _set("baseUrl", to="https://me@app.test"),
    "an address of another scheme": _set("baseUrl", to="ftp://app.test"),
    "a vendor without a name": _drop("vendor", "name"),
    "a vendor by http": _set("vendor", "url", to="http://www.harness.io"),
    "no authentication": _drop("authentication"),
    "authentication none": _set("authentication", "type", to="none"),
    "authentication oauth2": _set("authentication", "type", to="oauth2"),
    "no lifecycle": _drop("lifecycle"),
    "no installed hook": _drop("lifecycle", "installed"),
    "an absolute hook": _set("lifecycle", "installed", to="https://elsewhere.test/installed"),
    "a hook without a leading slash": _set("lifecycle", "installed", to="connect/installed"),
    "a hook on another host": _set("lifecycle", "installed", to="//elsewhere.test/installed"),
    "a hook with dot segments": _set("lifecycle", "enabled", to="/connect/../enabled"),
    "a hook that needs escaping": _set("lifecycle", "enabled", to="/connect/en abled"),
    "an unknown hook": _set("lifecycle", "upgraded", to="/connect/upgraded"),
    "no scopes": _drop("scopes"),
    "an unknown scope": _set("scopes", to=["READ", "EVERYTHING"]),
    "a scope twice": _set("scopes", to=["READ", "READ"]),
    "scopes as text": _set("scopes", to="READ"),
    "webhooks without READ": _set("scopes", to=["ACCESS_EMAIL_ADDRESSES"]),
    "unsigned installs": _set("apiMigrations", "signed-install", to=False),
    "no context hash": _drop("apiMigrations", "context-qsh"),
    "user keys": _set("apiMigrations", "gdpr", to=False),
    "an API version of 0": _set("apiVersion", to=0),
    "an API version as text": _set("apiVersion", to="1"),
    "licensing as text": _set("enableLicensing", to="false"),
    "modules as a list": _set("modules", to=[]),
    "an unknown module": _set("modules", "generalPage", to={"key": "x", "name": {"value": "x"}, "url": "/x"}),
    "one general page, not a list": _set("modules", "generalPages", to={"key": "x"}),
    "a list of configure pages": _set("modules", "configurePage", to=[]),
    "a page without a key": _drop(*PAGE, "key"),
    "a page's key of 65 signs": _set(*PAGE, "key", to="k" * 65),
    "a page's key with a dot": _set(*PAGE, "key", to="sei.configuration"),
    "a page's key twice": _set(*PAGE, "key", to="sei-configure"),
    "a page without a name": _drop(*PAGE, "name"),
    "a page's name as text": _set(*PAGE, "name", to="Harness SEI configuration"),
    "a page without an address": _drop(*PAGE, "url"),
    "an absolute page": _set(*PAGE, "url", to="https://elsewhere.test/page"),
    "a template in a page's path": _set(*PAGE, "url", to="/jira/{issue.key}"),
    "an odd location": _set(*PAGE, "location", to="in the menu"),
    "a weight as text": _set(*PAGE, "weight", to="10"),
    "an unknown condition": _set(*PAGE, "conditions", to=[{"condition": "user_is_nice"}]),
    "a condition as text": _set(*PAGE, "conditions", to=["user_is_admin"]),
    "an empty or": _set(*PAGE, "conditions", to=[{"or": []}]),
    "a location on the configure page": _set("modules", "configurePage", "location", to="none"),
    "a webhook without an event": _drop(*HOOK, "event"),
    "a webhook without an address": _drop(*HOOK, "url"),
    "an unknown event": _set(*HOOK, "event", to="jira:issue_moved"),
    "an event in the spelling of our addresses": _set(*HOOK, "event", to="jira.issue_created"),
    "an absolute webhook": _set(*HOOK, "url", to="https://elsewhere.test/hook"),
    "an empty filter": _set(*HOOK, "filter", to=""),
    "a filter on projects": _set(*HOOK, to={"event": "project_created", "url": "/x", "filter": "project = X"}),
    "property keys on issues": _set(*HOOK, to={"event": "jira:issue_created", "url": "/x", "propertyKeys": ["x"]}),
    "a misspelled excludeBody": _set(*HOOK, "excludeBodies", to=True),
}
RIGHT: dict[str, Callable[[Json], None]] = {
    "a key of 64 signs": _set("key", to="k" * 64),
    "JWT in upper case": _set("authentication", "type", to="JWT"),
    "the installed hook alone": _set("lifecycle", to={"installed": "/connect/installed"}),
    "a higher scope stands for READ": _set("scopes", to=["WRITE"]),
    "no webhooks, no READ": lambda document: (_drop("modules", "webhooks")(document), _set("scopes", to=[])(document))[
        0
    ],
    "a template in a page's query": _set(*PAGE, "url", to="/jira/configuration?issue={issue.key}"),
    "conditions together": _set(
        *PAGE,
        "conditions",
        to=[{"or": [{"condition": "user_is_admin"}, {"and": [{"condition": "addon_is_licensed"}]}]}],
    ),
    "a filter on issues": _set(*HOOK, "filter", to="project = X"),
    "an admin page": _set(
        "modules",
        "adminPages",
        to=[{"key": "a", "name": {"value": "A"}, "url": "/a", "location": "admin_plugins_menu/x"}],
    ),
}


@pytest.fixture
def document(settings: Settings) -> Json:
    return copy.deepcopy(served(settings))


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_wrong_descriptor_is_refused(document: Json, change: Callable[[Json], None]) -> None:
    change(document)
    assert len(errors(document)) > 0


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_a_right_descriptor_is_not_refused(document: Json, change: Callable[[Json], None]) -> None:
    change(document)
    assert errors(document) == []


@pytest.mark.parametrize("junk", [None, [], "x", 7, {}])
def test_what_is_no_descriptor_is_refused(junk: object) -> None:
    assert len(errors(junk)) > 0


@pytest.mark.parametrize("name", ["lifecycles", "scope", "module", "api-version", "dataResidency"])
def test_a_root_field_that_we_do_not_use_is_a_warning_and_no_error(document: Json, name: str) -> None:
    """A misspelled key would silently drop a part of the descriptor."""
    document[name] = {}
    assert errors(document) == []
    assert warnings(document) == ["$: additionalProperties"]
