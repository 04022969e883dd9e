"""Sentences from conditions: the one catalogue, in English for programs and in the reader's language for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from app.conditions import Code, Condition
from app.web.words.checks import CHECKS
from app.web.words.failures import FAILURES, STOPS
from app.web.words.findings import REASONS
from app.web.words.hygiene import FIELD_TYPES, HYGIENE, OPERATORS
from app.web.words.language import N_, gettext
from app.web.words.programs import PROGRAMS
from app.web.words.records import EVIDENCE, LEFT_OUT
from app.web.words.refusals import GENERAL, REFUSALS
from app.web.words.runs import RUNS
from app.web.words.terms import BRIEF_CAUSES, COLUMNS, MEANINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.conditions import Value
    from app.web.words.entry import Entry

    Translate = Callable[..., str]

CATALOGUE: dict[Code, Entry] = {
    **REFUSALS,
    **PROGRAMS,
    **REASONS,
    **CHECKS,
    **HYGIENE,
    **FAILURES,
    **STOPS,
    **LEFT_OUT,
    **EVIDENCE,
    **RUNS,
}
_TWO_HOURS = 120
"""Minutes from which on an age is told in hours."""


class Explanation(NamedTuple):
    """A condition in the reader's language; `code` is for scripts and never shown."""

    code: Code
    notice: str
    remedy: str


def english(condition: Condition) -> str:
    """The sentence for programs, logs and the command line."""
    return _filled(CATALOGUE[condition.code].sentence, condition, _in_english)


def remedy(condition: Condition) -> str:
    """The remedy for programs; empty where the code has none."""
    return _filled(CATALOGUE[condition.code].remedy, condition, _in_english)


def details(condition: Condition) -> str:
    """The same sentence in the reader's language."""
    return _filled(CATALOGUE[condition.code].sentence, condition, gettext)


def explain(condition: Condition, *, general: Entry = GENERAL) -> Explanation:
    """The notice for people and the remedy; the general ones where the code has none."""
    entry = CATALOGUE[condition.code] if has_notice(condition) else general
    return Explanation(
        condition.code, _filled(entry.notice, condition, gettext), _filled(entry.remedy, condition, gettext)
    )


def has_notice(condition: Condition) -> bool:
    """Whether the code has words of its own for people."""
    return condition.code is not Code.OTHER and bool(CATALOGUE[condition.code].notice)


def _in_english(words: str, **values: object) -> str:
    return words % values if values else words


def _filled(words: str, condition: Condition, translate: Translate) -> str:
    # The empty message is gettext's own, so it is not looked up.
    return translate(words, **_texts(condition, translate)) if words else ""


def _texts(condition: Condition, translate: Translate) -> dict[str, str]:
    """The parameters as text, by name."""
    texts = {name: _text(name, value, translate) for name, value in condition.params.items()}
    missing_rows, expected_rows = condition.params.get("missing"), condition.params.get("expected")
    if isinstance(missing_rows, Mapping) and isinstance(expected_rows, Mapping):
        texts["rows"] = _listed(
            [f"{count} of {expected_rows[name]} {name} rows" for name, count in missing_rows.items()]
        )
    return texts


def _text(name: str, value: Value, translate: Translate) -> str:
    if isinstance(value, Condition):
        return _filled(CATALOGUE[value.code].sentence, value, translate)
    if isinstance(value, Mapping):
        if name == "causes":
            return ", ".join(f"{count} {translate(BRIEF_CAUSES.get(cause, cause))}" for cause, count in value.items())
        return str(sum(value.values()))
    if name == "age" and isinstance(value, int):
        return _age(value, translate)
    return _term(name, str(value), translate)


_TERMS = {"column": COLUMNS, "meaning": MEANINGS, "operator": OPERATORS, "field_type": FIELD_TYPES}


def _term(name: str, value: str, translate: Translate) -> str:
    terms = _TERMS.get(name, {})
    if value in terms:
        return translate(terms[value])
    if name == "records":
        return f"{value} record" if value == "1" else f"{value} records"
    return value


def _age(minutes: int, translate: Translate) -> str:
    if minutes < _TWO_HOURS:
        return translate(N_("%(count)s minutes"), count=minutes)
    return translate(N_("%(count)s hours"), count=minutes // 60)


def _listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
