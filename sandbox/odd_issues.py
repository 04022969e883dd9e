"""Damage to single issues: odd values, and lists that are refused, short or empty."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.damage import INLINE_HISTORIES, PLATFORM, Damage, Part, an_issue, errors
from sandbox.moments import in_zone, zone
from sandbox.oddities import Oddity, edited_issue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.damage import Spoil
    from sandbox.shapes import JsonObject
    from sandbox.site import Site

HOUR_MS = 3_600_000
REFUSAL = errors("You do not have permission to see this.")


def odd_fields(fields: JsonObject, columns: JsonObject, *, place: int = 5) -> Spoil:
    """The issue at this place has odd values; the columns tell the values that an app stores."""

    def spoil(site: Site) -> Damage:
        issue_id = an_issue(site, place).id
        return Damage(
            [edited_issue(issue_id, lambda issue_fields: issue_fields.update(fields))],
            values={("issue", issue_id, column): value for column, value in columns.items()},
            mend=lambda mended_site: mended_site.mutate("update_issue", issue=issue_id),
        )

    return spoil


def stepped_back(*, place: int = 5) -> Spoil:
    """The site is restored from a backup: the last edit of an issue has never been."""

    def spoil(site: Site) -> Damage:
        issue_id = an_issue(site, place).id
        site.mutate("update_issue", issue=issue_id, fields={"summary": "Before"})
        issue = site.world.issues[issue_id]
        an_hour_ago = in_zone(issue.updated_ms - HOUR_MS, zone("UTC"))
        backup = replace(issue, fields={**issue.fields, "updated": an_hour_ago})
        site.mutate("update_issue", issue=issue_id, fields={"summary": "After"})
        return Damage(
            [],
            values={("issue", issue_id, "summary"): "After"},
            mend=lambda mended_site: mended_site.world.put(backup),
        )

    return spoil


def short_list(entity: str, surplus: int, *, is_empty: bool, place: int = 0) -> Spoil:
    """The comments or worklogs of an issue state more objects than their list sends, or it sends none."""

    def spoil(site: Site) -> Damage:
        # The issue itself shows twenty of each, so an empty list costs nothing more.
        odd_issue = an_issue(site, place, children=f"{entity}s", maximum=20)
        total = len(getattr(odd_issue, f"{entity}s")) + surplus

        def shorten(body: JsonObject) -> JsonObject:
            return {**body, "total": total, f"{entity}s": [] if is_empty else body[f"{entity}s"]}

        return Damage(
            [
                edited_issue(odd_issue.id, lambda fields: fields[entity].update(total=total)),
                Oddity(f"GET {PLATFORM}/issue/{odd_issue.id}/{entity}", edit=shorten),
            ],
            frozenset({Part(entity, odd_issue.id, "part_broken")}),
            values={("issue", odd_issue.id, f"{entity}_total"): total},
            mend=lambda mended_site: mended_site.mutate("update_issue", issue=odd_issue.id),
        )

    return spoil


def refused_list(entity: str, status: int, body: Any, reason: str, *, place: int = 0) -> Spoil:  # noqa: ANN401 - JSON
    """The comments or worklogs of an issue with a longer list than comes with it can't be had."""

    def spoil(site: Site) -> Damage:
        odd_issue = an_issue(site, place, children=f"{entity}s")
        total = len(getattr(odd_issue, f"{entity}s")) + 1
        return Damage(
            [
                edited_issue(odd_issue.id, lambda fields: fields[entity].update(total=total)),
                Oddity(f"GET {PLATFORM}/issue/{odd_issue.id}/{entity}", status, body),
            ],
            frozenset({Part(entity, odd_issue.id, reason)}),
            values={("issue", odd_issue.id, f"{entity}_total"): total},
            mend=lambda mended_site: mended_site.mutate("update_issue", issue=odd_issue.id),
        )

    return spoil


def refused_histories(*, place: int = 0) -> Spoil:
    """The older histories of an issue are refused; the newest come with it."""

    def spoil(site: Site) -> Damage:
        odd_issue = an_issue(site, place, children="histories", minimum=INLINE_HISTORIES + 1)
        old_histories = odd_issue.histories[:-INLINE_HISTORIES]
        return Damage(
            [Oddity(f"GET {PLATFORM}/issue/{odd_issue.id}/changelog", 403, REFUSAL)],
            frozenset({Part("changelog", odd_issue.id, "not_for_us")}),
            {"changelog": frozenset(str(history["id"]) for history in old_histories)},
        )

    return spoil


def refused_remote_links(*, place: int = 0) -> Spoil:
    """The remote links of an issue are refused."""

    def spoil(site: Site) -> Damage:
        odd_issue = an_issue(site, place, children="remote_links")
        return Damage(
            [Oddity(f"GET {PLATFORM}/issue/{odd_issue.id}/remotelink", 403, REFUSAL)],
            frozenset({Part("remote_link", odd_issue.id, "not_for_us")}),
            {"remote_link": frozenset(str(link["id"]) for link in odd_issue.remote_links)},
        )

    return spoil


TRANSLATED_FIELDS: tuple[JsonObject, ...] = (
    {
        "id": "customfield_10016",
        "name": "Story-Point-Schätzung",
        "untranslatedName": "Story point estimate",
        "custom": True,
        "schema": {"type": "number", "custom": "com.pyxis.greenhopper.jira:jsw-story-points", "customId": 10016},
    },
    {
        "id": "customfield_10024",
        "name": "Story-Punkte",
        "untranslatedName": "Story Points",
        "custom": True,
        "schema": {
            "type": "number",
            "custom": "com.atlassian.jira.plugin.system.customfieldtypes:float",
            "customId": 10024,
        },
    },
)


def translated_points(*, place: int = 5) -> Spoil:
    """Two fields of story points have translated names; each of two issues has its own."""

    def spoil(site: Site) -> Damage:
        site.world.catalogue.fields.update({item["id"]: item for item in TRANSLATED_FIELDS})
        first, second = an_issue(site, place), an_issue(site, place + 1)

        def points(name: str, value: float) -> Callable[[JsonObject], None]:
            def change(fields: JsonObject) -> None:
                fields.update({"customfield_10016": None, "customfield_10024": None, name: value})

            return change

        return Damage(
            [
                edited_issue(first.id, points("customfield_10016", 5.0)),
                edited_issue(second.id, points("customfield_10024", 8.0)),
            ],
            values={("issue", first.id, "story_points"): 5.0, ("issue", second.id, "story_points"): 8.0},
            mend=lambda site: [site.mutate("update_issue", issue=issue.id) for issue in (first, second)],
        )

    return spoil
