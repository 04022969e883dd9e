"""`make words`: extract translatable strings from the source into the catalogues of the other languages.

    python -m tests.words      update and compile every .po below app/web/translations

Babel does the work; this module names the source files and the marker functions.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from app.catalog.registry import all_entities
from app.web.words.language import LANGUAGES

ROOT = Path(__file__).parents[1]
WEB = ROOT / "app" / "web"
TRANSLATIONS = WEB / "translations"
KEYWORDS = {**DEFAULT_KEYWORDS, "N_": None}
FIXED_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in every catalogue; the current date would change files on every run."""
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def extracted() -> Catalog:
    """Every marked string, and every label of an entity, with its files."""
    catalog = Catalog(charset="utf-8")
    for name, _, message, comments, context in extract_from_dir(WEB, METHODS, keywords=KEYWORDS):
        catalog.add(message, locations=[(f"app/web/{name}", 0)], auto_comments=comments, context=context)
    for entity in all_entities().values():
        catalog.add(entity.label, locations=[(f"app/catalog/entities/{entity.name}.py", 0)])
    return catalog


def path_of(language: str) -> Path:
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def load(language: str) -> Catalog:
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    output = BytesIO()
    write_mo(output, catalog)
    return output.getvalue()


def main() -> int:
    for language in LANGUAGES[1:]:
        catalog = load(language) if path_of(language).exists() else Catalog(locale=language)
        catalog.update(extracted(), no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.fuzzy, catalog.project, catalog.version = False, "SEI Connect for Jira", "1"
        catalog.creation_date = catalog.revision_date = FIXED_DATE
        catalog.header_comment = (
            f"# {Locale.parse(language).english_name} of SEI Connect for Jira. `make words` keeps this file up to date."
        )
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        output = BytesIO()
        write_po(output, catalog, width=120, no_location=True, omit_header=False, sort_output=True)
        path_of(language).write_bytes(output.getvalue())
        path_of(language).with_suffix(".mo").write_bytes(compiled(load(language)))
        untranslated_ids = [message.id for message in catalog if message.id and not message.string]
        sys.stdout.write(f"{language}: {len(catalog)} words, {len(untranslated_ids)} not translated\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
