"""The page of people: their e-mail addresses, one by one and by file, with preview, application and undo."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from flask import Response, redirect, render_template, request, url_for
from pydantic import TypeAdapter, ValidationError

from app import ids, people
from app.catalog.conversion import clean
from app.conditions import Code, Condition
from app.errors import Conflicting, Malformed, Missing
from app.people import Source, UnfitFile
from app.web import guard
from app.web.api.integrations import callers_session
from app.web.api.people import PersonEmail, PersonId
from app.web.console.forms import page_number, words_of
from app.web.words import language
from app.web.words.sentences import details, explain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint
    from werkzeug.wrappers import Response as AnyResponse

    from app.errors import Refused
    from app.people import CsvFile, Import, Plan
    from app.runtime import Runtime

_PAGE_SIZE = 25
_SAMPLE_SIZE = 100
_FORM_BYTES = people.MOST_BYTES + 64 * 1024
"""A file and the rest of its form."""
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First signs by which spreadsheets take a text for a formula."""
_PERSON_ID, _EMAIL = TypeAdapter(PersonId), TypeAdapter(PersonEmail)


def admit_files(routes: Blueprint) -> None:
    """Let the forms with a file be large; it must run before any reader of a form."""

    @routes.before_request
    def enlarge() -> None:
        if request.endpoint in {"console.preview_import", "console.apply_import"}:
            request.max_content_length = request.max_form_memory_size = _FORM_BYTES


def add(routes: Blueprint, runtime: Runtime) -> None:
    """The page and its forms."""

    @routes.get("/people")
    def list_people() -> str:
        return _page(runtime)

    @routes.post("/people/email")
    def give_email() -> AnyResponse | tuple[str, int]:
        try:
            _give(runtime)
        except ValidationError:
            return _page(runtime, Malformed(Code.BAD_PERSON_EMAIL)), 400
        except Missing as refusal:
            return _page(runtime, refusal), 404
        return redirect(url_for("console.list_people", search=words_of("search") or None, saved=1), 303)

    @routes.get("/people.csv")
    def worksheet() -> Response:
        with callers_session(runtime) as session:
            text = _csv_of(people.worksheet(session, guard.account().id))
        name = {"Content-Disposition": 'attachment; filename="people.csv"'}
        return Response("\N{BYTE ORDER MARK}" + text, headers=name, mimetype="text/csv")

    _add_imports(routes, runtime)


def _add_imports(routes: Blueprint, runtime: Runtime) -> None:
    @routes.post("/people/import")
    def preview_import() -> str | tuple[str, int]:
        upload = request.files.get("file")
        try:
            file = people.read_csv(upload.read() if upload else b"")
            if not file.emails and not file.bad_lines:
                raise Malformed(Code.CSV_EMPTY)
        except Malformed as refusal:
            return _page(runtime, refusal), 400
        with callers_session(runtime) as session:
            plan = people.preview(session, guard.account().id, file)
        return _preview_page(file, plan)

    @routes.post("/people/import/apply")
    def apply_import() -> AnyResponse | tuple[str, int]:
        try:
            file = people.read_csv(request.form.get("lines", "").encode("utf-8", "surrogatepass"))
            with callers_session(runtime) as session:
                record, _ = people.apply(session, guard.account().id, file, Source.CONSOLE)
        except (UnfitFile, Malformed) as refusal:
            return _page(runtime, refusal), 400
        return redirect(url_for("console.list_people", upload=str(record.id)), 303)

    @routes.post("/people/imports/<import_id>/undo")
    def undo_import(import_id: str) -> AnyResponse | tuple[str, int]:
        parsed_id = ids.parse(import_id)
        try:
            if parsed_id is None:
                raise Missing(Code.NO_IMPORT)
            with callers_session(runtime) as session:
                people.undo(session, guard.account().id, parsed_id)
        except Missing as refusal:
            return _page(runtime, refusal), 404
        except Conflicting as refusal:
            return _page(runtime, refusal), 409
        return redirect(url_for("console.list_people", upload=import_id), 303)


def _give(runtime: Runtime) -> None:
    """Give or take back the address of the form. Raises ValidationError, Missing."""
    person_id, account_id = _PERSON_ID.validate_python(words_of("person")), guard.account().id
    email = None if words_of("remove") else _EMAIL.validate_python(words_of("email"))
    with callers_session(runtime) as session:
        if email is None:
            people.take_back(session, account_id, person_id)
        else:
            people.give(session, account_id, person_id, email, Source.CONSOLE)


def _page(runtime: Runtime, refusal: Refused | None = None) -> str:
    search, page = clean(request.values.get("search", ""))[:200].strip(), page_number()
    with callers_session(runtime) as session:
        account_id = guard.account().id
        listing = people.page_of(session, account_id, page=page, page_size=_PAGE_SIZE, search=search or None)
        uploads = people.listed(session, account_id)
    return render_template(
        "people.html",
        search=search,
        page=page,
        pages=-(-listing.total // _PAGE_SIZE),
        listing=listing,
        uploads=uploads,
        result=_result(uploads),
        is_saved=refusal is None and request.args.get("saved") == "1",
        problem=explain(refusal.condition) if refusal else None,
    )


def _result(uploads: Iterable[Import]) -> Import | None:
    """The upload that the address of the page names, which was just applied or undone."""
    return next((upload for upload in uploads if str(upload.id) == request.args.get("upload")), None)


def _preview_page(file: CsvFile, plan: Plan) -> str:
    problem = Condition(Code.BAD_LINES, count=len(file.bad_lines)) if file.bad_lines else None
    return render_template(
        "people_import.html",
        file=file,
        plan=plan,
        problem=explain(problem) if problem else None,
        bad_lines=[(line.number, details(line.reason)) for line in file.bad_lines[:_SAMPLE_SIZE]],
        sample_size=_SAMPLE_SIZE,
        lines="\n".join(["account_id,email", *(f"{person_id},{email}" for person_id, email in file.emails.items())]),
    )


def _csv_of(lines: Iterable[people.Line]) -> str:
    """The worksheet, with the delimiter that a spreadsheet of the reader's language expects."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";" if language.current() == "de" else ",")
    writer.writerow(["account_id", "email", "name", "email_in_jira"])
    for line in lines:
        writer.writerow(map(_cell, (line.person_id, line.given_email, line.name, line.jira_email)))
    return text.getvalue()


def _cell(text: str | None) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA_SIGNS) else text or ""
