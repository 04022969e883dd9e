"""The API against its own OpenAPI document, by schemathesis with a good API key.

Deterministic and bounded: every run has the same cases, `make soak` has more. Half of them go to an existing
integration. Schemathesis' pytest plugin is not used, since it relies on pytest's private parts; hypothesis draws its
cases directly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from tests.story.processes import API_KEY

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.schemas import APIOperation, BaseSchema

    from tests.story.processes import RunningApp

EXAMPLES, EXAMPLES_AT_SCALE = 8, 100
INTEGRATION = "/api/v1/integrations/{integration_id}"
OPERATIONS = (
    *("GET /api/v1/integrations", "POST /api/v1/integrations"),
    *(f"{method} {INTEGRATION}" for method in ("GET", "PATCH", "DELETE")),
    *(f"POST {INTEGRATION}/{verb}" for verb in ("otp", "validate", "reauthenticate", "pause", "resume", "sync")),
    *(f"POST {INTEGRATION}/settings/{question}" for question in ("preview", "jql")),
    *(f"GET {INTEGRATION}/{view}" for view in ("progress", "changes", "site/projects", "site/fields")),
    *(
        f"GET {INTEGRATION}/{listing}"
        for listing in ("completeness", "fields", "activity", "deliveries", "absences", "status-history", "hygiene")
    ),
    f"GET {INTEGRATION}/hygiene/{{criterion}}",
    *("GET /api/v1/people", "PUT /api/v1/people/{account_id}", "DELETE /api/v1/people/{account_id}"),
    *("POST /api/v1/people/import", "GET /api/v1/people/imports", "POST /api/v1/people/imports/{import_id}/undo"),
)
CHECK_NAMES = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance",),
)
LIMITS_OF_THE_WIRE = {414, 431}
"""Gunicorn's answers to oversized request lines and headers."""


@pytest.fixture(scope="module")
def document(target: RunningApp) -> BaseSchema:
    load_all_checks()
    return schemathesis.openapi.from_url(
        f"{target.url}/api/v1/openapi.json", config=SchemathesisConfig.from_dict({"seed": 27})
    )


@pytest.fixture(scope="module")
def operations(document: BaseSchema) -> dict[str, APIOperation]:
    return {operation.label: operation for operation in (result.ok() for result in document.get_all_operations())}


@pytest.fixture(scope="module")
def integration_id(target: RunningApp) -> str:
    """An integration for calls that change nothing."""
    return target.an_integration()


def test_every_operation_of_the_document_is_tried(document: BaseSchema) -> None:
    assert {result.ok().label for result in document.get_all_operations()} == set(OPERATIONS)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_what_the_document_says(
    operations: dict[str, APIOperation], target: RunningApp, label: str, mode: GenerationMode, is_at_scale: bool
) -> None:
    operation = operations[label]
    own_integration_id = target.an_integration(f"for {label}")

    @settings(
        max_examples=EXAMPLES_AT_SCALE if is_at_scale else EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def ask(case: Case, is_known: bool) -> None:
        if is_known and "integration_id" in case.path_parameters:
            case.path_parameters["integration_id"] = own_integration_id
        answer = case.call(headers={"Authorization": f"Bearer {API_KEY}"}, timeout=30)
        if answer.status_code not in LIMITS_OF_THE_WIRE:
            case.validate_response(answer, checks=[CHECKS.get_one(name) for name in CHECK_NAMES])
        if _has_wrong_body(case):
            assert answer.status_code >= 400, (case.as_curl_command(), answer.text)

    ask()


def _has_wrong_body(case: Case) -> bool:
    """Whether the body violates the document. The app ignores unknown query parameters, as it may."""
    parts = case.meta.components if case.meta else {}
    return ParameterLocation.BODY in parts and parts[ParameterLocation.BODY].mode is GenerationMode.NEGATIVE


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer sei_nobodys_" + "x" * 40}], ids=["no key", "unknown"]
)
@pytest.mark.parametrize("label", OPERATIONS)
def test_nothing_is_answered_without_a_good_key(
    target: RunningApp, integration_id: str, label: str, headers: dict[str, str]
) -> None:
    method, path = label.split(" ")
    places = {"integration_id": integration_id, "criterion": 1, "account_id": "712020:ann", "import_id": integration_id}
    answer = requests.request(
        method,
        target.url + path.format(**places),
        headers=headers,
        json={},
        timeout=30,
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")


@pytest.mark.parametrize("cursor", ["\u00bc\u00b8", "\U0001f600", "x\r\nX-Evil: 1", "-1", "9" * 20, "null"])
def test_a_cursor_that_is_not_ours_is_not_sent_back_in_a_header(
    target: RunningApp, integration_id: str, cursor: str
) -> None:
    answer = target.api("GET", f"/integrations/{integration_id}/changes", params={"cursor": cursor})
    assert answer.status_code == 400, answer.text
    assert "X-Next-Cursor" not in answer.headers
    assert "X-Evil" not in answer.headers
