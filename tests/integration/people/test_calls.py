"""People over HTTP: the API's calls, and the console's forms."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app import ids
from app.people import MOST_BYTES
from app.store import records
from app.web import create_app
from tests.conftest import BASE_URL
from tests.factories import a_row
from tests.integration.people.conftest import ANN, BOB, CID, NOON, a_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from app.runtime import Runtime
    from tests.integration.people.conftest import Acme

PEOPLE = "/api/v1/people"


@pytest.fixture(scope="module")
def client(parts: Runtime) -> FlaskClient:
    return create_app(parts).test_client()


@pytest.fixture
def call(client: FlaskClient, acme: Acme) -> Callable[..., TestResponse]:
    """Calls the API with the account's key."""

    def call(method: str, path: str = "", **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {acme.key}"}
        return client.open(f"{PEOPLE}{path}", method=method, headers=headers, **more)

    return call


def test_the_list_tells_where_an_address_is_from(acme: Acme, call: Callable[..., TestResponse]) -> None:
    site = acme.site("Acme", ann="ann@acme.example", bob=None)
    answer = call("GET", "?search=ann&page=1").get_json()
    assert answer["_metadata"] == {"page": 1, "page_size": 50, "has_next": False, "total_count": 1}
    assert answer["records"] == [
        {
            "account_id": ANN,
            "names": ["Ann"],
            "email": "ann@acme.example",
            "email_from": "jira",
            "given_email": None,
            "given_through": None,
            "import_id": None,
            "changed_at": None,
            "jira_email": "ann@acme.example",
            "integrations": [{"id": str(site.id), "name": "Acme", "display_name": "Ann", "email": "ann@acme.example"}],
        }
    ]


def test_one_address_is_given_and_taken_back(acme: Acme, call: Callable[..., TestResponse]) -> None:
    acme.site("Acme", ann="jira@acme.example")
    person = call("PUT", f"/{ANN}", json={"email": " ann@acme.example "}).get_json()
    assert (person["email"], person["email_from"], person["given_through"]) == ("ann@acme.example", "given", "api")
    assert person["changed_at"] is not None
    person = call("DELETE", f"/{ANN}").get_json()
    assert (person["email"], person["email_from"], person["given_email"]) == ("jira@acme.example", "jira", None)
    answer = call("DELETE", f"/{ANN}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_given_email")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/{ANN}", {"email": "none"}),
        (f"/{ANN}", {"email": "=1+1@acme.example"}),
        (f"/{ANN}", {"email": None}),
        (f"/{ANN}", {"email": f"a@{'b' * 253}"}),
        (f"/{ANN}", {"email": "a@b.example", "name": "Ann"}),
        ("/%3D1", {"email": "a@b.example"}),
        ("/a%0A", {"email": "a@b.example"}),
        (f"/{'a' * 129}", {"email": "a@b.example"}),
    ],
)
def test_what_is_no_address_is_refused(
    acme: Acme, call: Callable[..., TestResponse], path: str, body: dict[str, Any]
) -> None:
    answer = call("PUT", path, json=body)
    assert answer.status_code == 400, answer.text
    assert acme.emails() == {}


def test_a_file_is_previewed_applied_and_undone(acme: Acme, call: Callable[..., TestResponse]) -> None:
    acme.site("Acme", ann=None, bob=None)
    acme.give(ANN, "old@acme.example")
    file = a_file(ann="ann@acme.example", bob="bob@acme.example", cid="cid@acme.example") + "712020:nobody,\n"
    before = call("POST", "/import", data=file, content_type="text/csv").get_json()
    assert (before["applied"], before["import_id"]) == (False, None)
    assert acme.emails() == {ANN: "old@acme.example"}
    after = call("POST", "/import?apply=true", data=file, content_type="text/csv").get_json()
    assert after["applied"] is True
    counts = {name: before[name] for name in before if name not in {"applied", "import_id"}}
    assert counts == {name: after[name] for name in counts}
    assert counts == {
        "new_count": 2,
        "changed_count": 1,
        "same_count": 0,
        "unknown_count": 1,
        "blank_count": 1,
        "bad_count": 0,
        "changes": [{"account_id": ANN, "before": "old@acme.example", "after": "ann@acme.example"}],
        "unknown_account_ids": [CID],
        "bad_lines": [],
    }
    assert [record["id"] for record in call("GET", "/imports").get_json()["records"]] == [after["import_id"]]
    acme.give(BOB, "corrected@acme.example")
    undo = call("POST", f"/imports/{after['import_id']}/undo").get_json()
    assert (undo["restored_count"], undo["stayed_count"], undo["stayed_account_ids"]) == (2, 1, [BOB])
    assert acme.emails() == {ANN: "old@acme.example", BOB: "corrected@acme.example"}
    repetition = call("POST", f"/imports/{after['import_id']}/undo")
    assert (repetition.status_code, repetition.get_json()["code"]) == (409, "import_undone")


def test_every_bad_line_is_told_and_keeps_the_file_out(acme: Acme, call: Callable[..., TestResponse]) -> None:
    file = a_file(ann="none", bob="bob@acme.example") + f"{BOB},again@acme.example\n"
    bad_lines = [
        {"line": 2, "reason": "This is not an e-mail address.", "reason_code": "line_bad_email"},
        {"line": 4, "reason": "The account id is in line 3 already.", "reason_code": "line_repeated"},
    ]
    preview = call("POST", "/import", data=file, content_type="text/csv")
    assert (preview.status_code, preview.get_json()["bad_lines"]) == (200, bad_lines)
    answer = call("POST", "/import?apply=true", data=file, content_type="text/csv")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_lines")
    assert answer.get_json()["bad_lines"] == bad_lines
    assert acme.emails() == {}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "csv_without_header"),
        (b"account_id,email\n", 400, "csv_empty"),
        (b"account_id,email\n1,a@b.example\x00", 400, "csv_not_text"),
        (b'account_id,email\n"1', 400, "csv_broken"),
        (b"account_id,email\n" + b"1,a@b.example\n" * 10_001, 400, "csv_too_long"),
        (b"account_id,email\n" + b"1" * MOST_BYTES, 413, "body_too_large"),
    ],
)
def test_an_unfit_file_is_refused_whole(call: Callable[..., TestResponse], body: bytes, status: int, code: str) -> None:
    answer = call("POST", "/import?apply=true", data=body, content_type="text/csv")
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_a_large_file_is_taken(call: Callable[..., TestResponse]) -> None:
    """Other calls take 64 KB."""
    lines = [f"712020:{number:0100},p{number}@acme.example" for number in range(10_000)]
    body = "\n".join(["account_id,email", *lines])
    assert len(body) > 1_000_000
    answer = call("POST", "/import?apply=true", data=body, content_type="text/csv")
    assert answer.get_json()["new_count"] == 10_000


def test_calls_reach_no_other_account(acme: Acme, rival: Acme, call: Callable[..., TestResponse]) -> None:
    rival.site("Rival", ann="ann@rival.example")
    record = rival.apply(a_file(bob="bob@rival.example"))
    assert call("GET").get_json()["records"] == []
    for answer in (call("DELETE", f"/{BOB}"), call("POST", f"/imports/{record.id}/undo")):
        assert answer.status_code == 404
    assert call("PUT", f"/{ANN}", json={"email": "a@b.example"}).get_json()["integrations"] == []
    assert rival.emails() == {BOB: "bob@rival.example"}


# The console


@pytest.fixture
def console(client: FlaskClient, acme: Acme) -> Callable[..., TestResponse]:
    """Opens a page or sends a form, signed in."""

    def set_csrf() -> None:
        with client.session_transaction("/console", base_url=BASE_URL) as session:
            session["csrf"] = "c"

    set_csrf()
    client.post("/console/sign-in", data={"csrf": "c", "key": acme.key}, base_url=BASE_URL)
    set_csrf()

    def open_it(path: str = "", form: dict[str, Any] | None = None, language: str = "en") -> TestResponse:
        if form is None:
            headers = {"Accept-Language": language}
            return client.get(f"/console/people{path}", base_url=BASE_URL, headers=headers)
        # Flask's client leaves large bodies in temporary files.
        boundary, body = encode_multipart({"csrf": "c"} | form)
        content_type = f'multipart/form-data; boundary="{boundary}"'
        address = f"/console/people{path}"
        return client.post(address, data=body, content_type=content_type, base_url=BASE_URL, follow_redirects=True)

    return open_it


def upload(file: bytes) -> dict[str, Any]:
    return {"file": FileStorage(io.BytesIO(file), "people.csv")}


def hidden_lines(page: str) -> str:
    match = re.search(r'name="lines" value="([^"]*)"', page)
    assert match is not None
    return match[1]


def test_a_file_goes_from_preview_to_undo_by_forms_alone(acme: Acme, console: Callable[..., TestResponse]) -> None:
    acme.site("Acme", ann=None, bob="bob@acme.example")
    page = console("/import", upload(a_file(ann="ann@acme.example").replace(",", ";").encode()))
    assert page.status_code == 200
    assert acme.emails() == {}
    page = console("/import/apply", {"lines": hidden_lines(page.text)})
    assert "The addresses are stored." in page.text
    assert acme.emails() == {ANN: "ann@acme.example"}
    path = re.search(r"/console/people(/imports/[^/]+/undo)", page.text)
    assert path is not None
    page = console(path[1], {})
    assert "The upload is undone." in page.text
    assert acme.emails() == {}
    assert console(path[1], {}).status_code == 409


def test_a_file_with_bad_lines_cannot_be_stored(acme: Acme, console: Callable[..., TestResponse]) -> None:
    page = console("/import", upload(a_file(ann="none", bob="bob@acme.example").encode()))
    assert "1 of the file&#39;s lines cannot be taken." in page.text
    assert 'name="lines"' not in page.text
    assert console("/import/apply", {"lines": a_file(ann="none")}).status_code == 400
    assert acme.emails() == {}


@pytest.mark.parametrize("file", [b"", b"\xff", b"a,b\n", b"account_id,email\n1,\n"])
def test_an_unfit_file_is_explained(console: Callable[..., TestResponse], file: bytes) -> None:
    page = console("/import", upload(file))
    assert page.status_code == 400
    assert 'role="alert"' in page.text


def test_a_form_without_its_file_or_with_too_much_is_refused(console: Callable[..., TestResponse]) -> None:
    assert console("/import", {}).status_code == 400
    assert console("/import", upload(b"x" * (MOST_BYTES + 100_000))).status_code == 413
    assert console("/email", {"person": ANN, "email": "x" * 70_000}).status_code == 413


def test_the_largest_file_goes_through_both_forms(acme: Acme, console: Callable[..., TestResponse]) -> None:
    lines = [f"712020:{number:0100},p{number:060}@acme.example" for number in range(9_900)]
    body = "\n".join(["account_id,email", *lines])
    assert MOST_BYTES * 0.9 < len(body) < MOST_BYTES
    page = console("/import", upload(body.encode()))
    page = console("/import/apply", {"lines": hidden_lines(page.text)})
    assert page.status_code == 200
    assert len(acme.emails()) == 9_900


def test_one_address_is_saved_and_removed(acme: Acme, console: Callable[..., TestResponse]) -> None:
    acme.site("Acme", ann="jira@acme.example")
    page = console("/email", {"person": ANN, "email": "ann@acme.example", "search": "ann"})
    assert "Saved." in page.text
    assert acme.emails() == {ANN: "ann@acme.example"}
    assert acme.person(ANN).override.source == "console"  # type: ignore[union-attr]  # it was just given
    assert console("/email", {"person": ANN, "email": "none"}).status_code == 400
    assert "Saved." in console("/email", {"person": ANN, "email": "", "remove": "1"}).text
    assert acme.emails() == {}
    assert console("/email", {"person": ANN, "remove": "1"}).status_code == 404
    assert console("/email", {"person": "<script>", "email": "a@b.example"}).status_code == 400
    assert console(f"/imports/{ids.new()}/undo", {}).status_code == 404
    assert console("/imports/x/undo", {}).status_code == 404


def test_forms_need_the_sessions_token(acme: Acme, console: Callable[..., TestResponse]) -> None:
    forms = ({"person": ANN, "email": "a@b.example"}, upload(b"x"), {"lines": a_file(ann="a@b.example")})
    for path, form in zip(("/email", "/import", "/import/apply"), forms, strict=True):
        assert console(path, {**form, "csrf": "x"}).status_code == 403
    assert acme.emails() == {}


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_downloaded_list_has_no_formula_and_can_be_uploaded(
    acme: Acme, console: Callable[..., TestResponse], language: str
) -> None:
    site = acme.site("Acme", bob="bob@acme.example")
    assert site.tenant_id is not None
    names = {CID: '=HYPERLINK("https://evil.example";"click")', ANN: "+1,;\r\n@x"}
    with acme.parts.store.bound_to(site.tenant_id) as session:
        rows = [a_row("user", person_id, display_name=name, email="-1@x") for person_id, name in names.items()]
        records.apply(session, rows, read_at=NOON)
    acme.give(BOB, "given@acme.example")
    answer = console(".csv", language=language)
    assert answer.headers["Content-Type"].startswith("text/csv")
    text = answer.data.decode("utf-8-sig")
    cells = list(csv.reader(io.StringIO(text), delimiter=";" if language == "de" else ","))
    assert cells[0] == ["account_id", "email", "name", "email_in_jira"]
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in cells for cell in row)
    assert [BOB, "given@acme.example", "Bob", "bob@acme.example"] in cells
    plan = acme.preview(text)
    assert (plan.new_ids, plan.changes, plan.same_count) == ([], [], 1)


def test_what_strangers_wrote_is_shown_as_text(acme: Acme, console: Callable[..., TestResponse]) -> None:
    site = acme.site("<b>Acme</b>", ann=None)
    acme.tell(site.tenant_id, minutes=1, ann="<script>alert(1)</script>@x")
    page = console("?search=%3Cscript%3E")
    assert "<script>alert" not in page.text
    assert "<b>Acme" not in page.text
