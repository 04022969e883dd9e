"""Tells nouns from participles, pronouns, determiners and adverbs by the lists of `vocabulary.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

LISTS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}
SUBSTITUTES = LISTS["pronouns"] | LISTS["determiners"] | LISTS["adverbs"]
CLAUSES = re.compile(r"\b(?:what|whatever|who|whoever|whom|whomever|whose|whichever|so\s+that)\b", re.IGNORECASE)
"""Words that open a clause where a noun would do."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@cache
def names_a_thing(name: str) -> bool:
    """Whether a variable's name ends in a noun, or states a truth value."""
    parts = [part for part in _HUMP.sub("_", name).lower().rstrip("0123456789_").split("_") if part]
    if not parts or not LISTS["predicates"].isdisjoint(parts[:-1]):
        return True
    return parts[-1] not in SUBSTITUTES and not _is_participle(parts[-1], is_alone=len(parts) == 1)


def _is_participle(word: str, *, is_alone: bool) -> bool:
    if word.endswith("ing"):
        return is_alone and word not in LISTS["nouns_in_ing"] and not word.endswith("string")
    if word.endswith("ed"):
        return word not in LISTS["nouns_in_ed"]
    if not is_alone and word in LISTS["nouns_in_compounds"]:
        return False
    return any(word.removeprefix(prefix) in LISTS["past_forms"] for prefix in ("", "un", "re", "over", "mis"))
