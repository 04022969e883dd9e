"""Conditions of hygiene criteria, and the names of operators and types of fields."""

from __future__ import annotations

from app.conditions import Code
from app.web.words.entry import Entry
from app.web.words.language import N_

OPERATORS: dict[str, str] = {
    "missing": N_("missing"),
    "empty": N_("empty"),
    "older_than": N_("older than (days)"),
    "length_below": N_("length below (characters)"),
    "not_in_list": N_("not in list"),
}
FIELD_TYPES: dict[str, str] = {
    "text": N_("text"),
    "rich_text": N_("formatted text"),
    "reference": N_("one choice"),
    "list": N_("a list"),
    "number": N_("a number"),
    "truth": N_("yes or no"),
    "moment": N_("a time"),
    "day": N_("a date"),
    "other": N_("other values"),
}
HYGIENE: dict[Code, Entry] = {
    Code.BAD_CRITERION_NAME: Entry(
        "Give each criterion a name of its own, of at most 100 characters.",
        N_("A criterion has no name, a name that cannot be shown, or that of another one."),
        N_("Give each a name of its own with a letter in it, of at most 100 characters, without slashes and brackets."),
    ),
    Code.BAD_CRITERION_FIELD: Entry(
        "Give a column of the issue in the feed, or the id of a custom field.",
        N_("A criterion has a field that is not known."),
        N_("Choose one of the list, or give the id of a custom field, such as customfield_10016."),
    ),
    Code.BAD_CRITERION_VALUE: Entry(
        "The value does not fit the operator.",
        N_("A criterion has a value that does not fit its operator."),
        N_(
            "Give a whole number of days or characters, or a list separated by commas; a number needs a list of numbers."
        ),
    ),
    Code.NO_CRITERION: Entry(
        "There is no such criterion.",
        N_("There is no such criterion."),
        N_("It may have been renamed or removed; look at the Settings tab."),
    ),
    Code.CRITERION_UNSUITABLE: Entry(
        "The operator “%(operator)s” does not suit the field %(field)s, which holds %(field_type)s.",
        N_("The operator “%(operator)s” does not suit the field %(field)s, which holds %(field_type)s."),
        N_("Choose another operator: “missing” and “empty” suit every field."),
    ),
    Code.CRITERION_EXCLUDED: Entry(
        "The field %(field)s is excluded, so nothing of it is stored.",
        N_("The field %(field)s is excluded, so nothing of it is stored."),
        N_("Store the field again, or remove the criterion."),
    ),
    Code.CRITERION_NOT_STORED: Entry(
        "The field %(field)s is not among the custom fields to keep.",
        N_("The field %(field)s is not among the custom fields to keep."),
        N_("Add it to the custom fields to keep, or remove the criterion."),
    ),
    Code.CRITERION_FIELD_ABSENT: Entry(
        "The site has no such field: %(field)s.",
        N_("The site has no such field: %(field)s."),
        N_("Choose another field, or remove the criterion."),
    ),
}
