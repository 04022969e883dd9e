"""Calls on people: one identity across the account's integrations, and e-mail addresses by hand and by file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from flask import Response, request
from flask_openapi3 import RawModel
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app import clock, people
from app.conditions import Code
from app.people import Source
from app.web import guard
from app.web.api.integrations import callers_session
from app.web.api.shapes import Metadata, Search, as_json, problems, shown
from app.web.words.sentences import english

if TYPE_CHECKING:
    from flask_openapi3 import APIBlueprint

    from app.people import BadLine, CsvFile, Import, Person, Plan
    from app.runtime import Runtime

_PROBLEMS = problems(400, 401, 404, 409, 413, 429, 503)
_SAMPLE_SIZE = 100
PersonId = Annotated[str, StringConstraints(pattern=f"^{people.PERSON_ID}$")]
PersonEmail = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=people.LONGEST_EMAIL, pattern=f"^{people.EMAIL}$")
]


class PersonPath(BaseModel):
    """The address of a person."""

    account_id: PersonId = Field(description="Atlassian account id")


class ImportPath(BaseModel):
    """The address of an import."""

    import_id: UUID


class PeopleQuery(BaseModel):
    """The page and the search of the list."""

    page: int = Field(1, ge=1, le=100_000)
    page_size: int = Field(50, ge=1, le=200)
    search: Search | None = Field(None, description="Part of a name, of an e-mail address or of an account id")


class ImportQuery(BaseModel):
    """Whether a file is applied."""

    apply: bool = Field(default=False, description="True: apply the file. False: answer what that would do")


class GiveEmail(BaseModel):
    """The e-mail address of a person."""

    model_config = ConfigDict(extra="forbid")

    email: PersonEmail


class CsvBody(RawModel):
    """The columns `account_id` and `email`, named in the first line; at most 10,000 lines and 2 MB."""

    mimetypes = ["text/csv"]  # noqa: RUF012 - flask-openapi3 reads this attribute


class ShownHolder(BaseModel):
    """An integration that has the person, and the person as its site tells."""

    id: UUID
    name: str
    display_name: str | None
    email: str | None = Field(description="As Jira shows it to this integration")


class ShownPerson(BaseModel):
    """A person of the account, one across its integrations."""

    account_id: str = Field(description="Atlassian account id: `id` of the feed's `user`")
    names: list[str] = Field(description="Display names, latest first")
    email: str | None = Field(description="The address that counts: the given one, else Jira's latest")
    email_from: str | None = Field(description="`given` or `jira`")
    given_email: str | None
    given_through: Source | None
    import_id: UUID | None = Field(description="The import that wrote the given address; null: it was given alone")
    changed_at: str | None = Field(description="When the given address was written")
    jira_email: str | None
    integrations: list[ShownHolder]

    @classmethod
    def of(cls, person: Person) -> ShownPerson:
        """The shape of a person."""
        override = person.override
        return cls(
            account_id=person.id,
            names=person.names,
            email=person.email,
            email_from="given" if override else "jira" if person.jira_email else None,
            given_email=override.email if override else None,
            given_through=Source(override.source) if override else None,
            import_id=override.import_id if override else None,
            changed_at=clock.rfc3339(override.changed_at) if override else None,
            jira_email=person.jira_email,
            integrations=[
                ShownHolder(
                    id=holder.integration_id,
                    name=holder.integration_name,
                    display_name=holder.display_name,
                    email=holder.email,
                )
                for holder in person.holders
            ],
        )


class ShownPeople(BaseModel):
    """One page of people, by name."""

    records: list[ShownPerson]
    metadata: Metadata = Field(alias="_metadata")


class ShownBadLine(BaseModel):
    """A line that can't be taken."""

    line: int = Field(description="In the file, from 1, the header included")
    reason: str
    reason_code: Code

    @classmethod
    def of(cls, line: BadLine) -> ShownBadLine:
        """The shape of a bad line."""
        return cls(line=line.number, reason=english(line.reason), reason_code=line.reason.code)


class ShownChange(BaseModel):
    """A given address that another one replaces."""

    account_id: str
    before: str
    after: str


class ShownPlan(BaseModel):
    """The effect of a file: done, or previewed."""

    applied: bool
    import_id: UUID | None = Field(description="Names the import, to undo it; null in a preview")
    new_count: int = Field(description="People without a given address so far")
    changed_count: int = Field(description="People whose given address is replaced")
    same_count: int = Field(description="People who have just this address")
    unknown_count: int = Field(
        description="People, among those above, whom no integration has; their addresses are kept"
    )
    blank_count: int = Field(description="Lines without an address; they change nothing")
    bad_count: int
    changes: list[ShownChange] = Field(description="The first 100 addresses that are replaced")
    unknown_account_ids: list[str] = Field(description="The first 100 of these people")
    bad_lines: list[ShownBadLine] = Field(description="All lines that can't be taken; a file with any isn't applied")


class ShownImport(BaseModel):
    """An import that was applied."""

    id: UUID
    source: Source
    applied_at: str
    new_count: int
    changed_count: int
    same_count: int
    unknown_count: int
    undone_at: str | None
    restored_count: int | None = Field(description="People who got the address of before; null: not undone")
    stayed_count: int | None = Field(description="People whose address was changed since, and stayed")


class ShownImports(BaseModel):
    """The newest 100 imports of the last 30 days, newest first."""

    records: list[ShownImport]


class ShownUndo(ShownImport):
    """An import that was undone."""

    stayed_account_ids: list[str] = Field(description="People whose address was changed since, and stayed")


def add(routes: APIBlueprint, runtime: Runtime) -> None:
    """The calls."""
    _add_people(routes, runtime)
    _add_imports(routes, runtime)


def _add_people(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.get(
        "/people",
        summary="List the people of all Jira Cloud integrations, each once",
        responses={200: ShownPeople, **_PROBLEMS},
    )
    def list_people(query: PeopleQuery) -> Response:
        with callers_session(runtime) as session:
            listing = people.page_of(
                session, guard.account().id, page=query.page, page_size=query.page_size, search=query.search
            )
        has_next = query.page * query.page_size < listing.total
        meta = Metadata(page=query.page, page_size=query.page_size, has_next=has_next, total_count=listing.total)
        records = [ShownPerson.of(person) for person in listing.people]
        return as_json(ShownPeople.model_validate({"records": records, "_metadata": meta}))

    @routes.put(
        "/people/<account_id>",
        summary="Give a person's e-mail address; it wins over Jira's",
        responses={200: ShownPerson, **_PROBLEMS},
    )
    def give_email(path: PersonPath, body: GiveEmail) -> Response:
        with callers_session(runtime) as session:
            people.give(session, guard.account().id, path.account_id, body.email, Source.API)
            person = people.find(session, guard.account().id, path.account_id)
        return as_json(ShownPerson.of(person))

    @routes.delete(
        "/people/<account_id>",
        summary="Take back the e-mail address that was given for a person",
        responses={200: ShownPerson, **_PROBLEMS},
    )
    def take_email_back(path: PersonPath) -> Response:
        with callers_session(runtime) as session:
            people.take_back(session, guard.account().id, path.account_id)
            person = people.find(session, guard.account().id, path.account_id)
        return as_json(ShownPerson.of(person))


def _add_imports(routes: APIBlueprint, runtime: Runtime) -> None:
    @routes.post(
        "/people/import",
        summary="Preview or apply a CSV file of e-mail addresses",
        description="UTF-8; the first line names the columns `account_id` and `email`, others are ignored. Commas,"
        " semicolons or tabs. Applied as a whole or not at all: 400 with `bad_lines` where a line is bad.",
        responses={200: ShownPlan, **_PROBLEMS},
    )
    def import_people(query: ImportQuery, raw: CsvBody) -> Response:
        request.max_content_length = people.MOST_BYTES
        file, account_id = people.read_csv(raw.get_data()), guard.account().id
        with callers_session(runtime) as session:
            if not query.apply:
                return as_json(shown_plan(file, people.preview(session, account_id, file)))
            record, plan = people.apply(session, account_id, file, Source.API)
        return as_json(shown_plan(file, plan, record.id))

    @routes.get("/people/imports", summary="List the imports", responses={200: ShownImports, **_PROBLEMS})
    def list_imports() -> Response:
        with callers_session(runtime) as session:
            records = people.listed(session, guard.account().id)
        return as_json(ShownImports(records=[ShownImport(**_shown(record)) for record in records]))

    @routes.post(
        "/people/imports/<import_id>/undo",
        summary="Restore the addresses of before an import",
        description="An address that was changed since the import stays, and is named in the answer.",
        responses={200: ShownUndo, **_PROBLEMS},
    )
    def undo_import(path: ImportPath) -> Response:
        with callers_session(runtime) as session:
            outcome = people.undo(session, guard.account().id, path.import_id)
        return as_json(ShownUndo(**_shown(outcome.record), stayed_account_ids=outcome.stayed_ids))


def shown_plan(file: CsvFile, plan: Plan, import_id: UUID | None = None) -> ShownPlan:
    """The shape of a file's effect."""
    return ShownPlan(
        applied=import_id is not None,
        import_id=import_id,
        new_count=len(plan.new_ids),
        changed_count=len(plan.changes),
        same_count=plan.same_count,
        unknown_count=len(plan.unknown_ids),
        blank_count=file.blank_count,
        bad_count=len(file.bad_lines),
        changes=[
            ShownChange(account_id=change.person_id, before=change.before, after=change.after)
            for change in plan.changes[:_SAMPLE_SIZE]
        ],
        unknown_account_ids=plan.unknown_ids[:_SAMPLE_SIZE],
        bad_lines=[ShownBadLine.of(line) for line in file.bad_lines],
    )


def _shown(record: Import) -> dict[str, Any]:
    return {name: shown(value) for name, value in record._asdict().items()}
