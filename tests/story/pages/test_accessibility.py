"""Every page and state in both themes: no findings by axe-core, no sideways scrolling at 320 pixels, no text cut off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.story.pages.tour import Console, Jira, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from sandbox import Site
    from tests.story.processes import RunningApp

THEMES = ("light", "dark")
ALL_RULES: dict[str, Any] = {"resultTypes": ["violations"]}
RULES_OF_COLOUR = ALL_RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""The rules that a theme bears on: it changes colours, and nothing else of a document."""
WIDTHS = (1280, 400, 320)
# Elements with hidden overflow of text; texts for screen readers are cut off on purpose.
_CUT = """() => [...document.querySelectorAll('button, a, label, h1, h2, h3, p, td, th, dd, .state')]
  .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1
    && getComputedStyle(each).display !== 'inline' && !each.closest('.unseen, .skip, caption'))
  .map((each) => each.outerHTML.slice(0, 120))"""
_TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def turn(view: View, theme: str) -> None:
    """Show a page in a theme: the console follows the browser, the page in Jira follows the site."""
    if (
        view.page is view.app_view or view.name == "jira-not-administrator"
    ):  # a refusal loads no library to follow the site
        view.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme's name
    elif view.page.locator("html").get_attribute("data-color-mode") != theme:
        view.page.get_by_role("button", name="Dark theme").click()
        view.app_view.wait_for_selector(f"html[data-color-mode='{theme}']", state="attached", timeout=3000)


def violations(view: View, rules: dict[str, Any]) -> list[dict[str, Any]]:
    failures = Axe().run(view.app_view, options=rules).response["violations"]  # type: ignore[arg-type]  # a frame evaluates as a page does
    return [
        {"rule": failure["id"], "at": [(node["html"][:160], node["failureSummary"][:200]) for node in failure["nodes"]]}
        for failure in failures
    ]


def check(view: View) -> list[str]:
    problems = []
    for theme, rules in zip(THEMES, (ALL_RULES, RULES_OF_COLOUR), strict=True):
        turn(view, theme)
        bad = violations(view, rules)
        problems += [f"{view.name}, {theme}: {json.dumps(bad, indent=1)}"] if bad else []
    for width in WIDTHS:
        view.page.set_viewport_size({"width": width, "height": 900})
        if view.app_view.evaluate(_TOO_WIDE) > 0:
            problems.append(f"{view.name}: scrolls sideways at {width}")
        problems += [f"{view.name}: cut at {width}: {text}" for text in view.app_view.evaluate(_CUT)]
    view.page.set_viewport_size({"width": 1280, "height": 900})
    return problems


@pytest.fixture(scope="module")
def tour_key(app: RunningApp) -> str:
    """The API key of an empty account."""
    return app.an_account("Acme Corporation")


@pytest.mark.parametrize("side", [Jira, Console])
def test_every_state_is_accessible_in_both_themes_and_fits_small_screens(
    app: RunningApp, page: Page, a_site: Callable[..., Site], tour_key: str, side: type[Jira | Console]
) -> None:
    key = tour_key if side is Jira else app.an_account("Acme Corporation, console")
    states: Iterator[View] = side(app, page, a_site, key).states()
    problems, names = [], []
    for view in states:
        names.append(view.name)
        problems += check(view)
    assert problems == [], "\n".join(problems)
    assert len(names) == len(set(names)) > 10
