"""Every page and state in both themes: axe-core finds nothing, nothing scrolls sideways at 320 pixels, nothing is cut."""

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
WIDTHS = (1280, 400, 320)
# Elements whose words are wider than themselves and hidden; what is meant for screen readers only is cut on purpose.
_CUT = """() => [...document.querySelectorAll('button, a, label, h1, h2, h3, p, td, th, dd, .state')]
  .filter((each) => each.checkVisibility() && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1
    && getComputedStyle(each).display !== 'inline' && !each.closest('.unseen, .skip, caption'))
  .map((each) => each.outerHTML.slice(0, 120))"""
_TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def turn(view: View, theme: str) -> None:
    """Show a page in a theme: the console's follows the browser's, the one in Jira the site's."""
    if view.page is view.ours or view.name == "jira-not-administrator":  # a refusal loads no library to follow the site
        view.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # a theme's name
    elif view.page.locator("html").get_attribute("data-color-mode") != theme:
        view.page.get_by_role("button", name="Dark theme").click()
        view.ours.wait_for_selector(f"html[data-color-mode='{theme}']", state="attached", timeout=3000)


def violations(view: View) -> list[dict[str, Any]]:
    found = Axe().run(view.ours).response["violations"]  # type: ignore[arg-type]  # a frame evaluates as a page does
    return [
        {"rule": each["id"], "at": [(node["html"][:160], node["failureSummary"][:200]) for node in each["nodes"]]}
        for each in found
    ]


def check(view: View) -> list[str]:
    found = []
    for theme in THEMES:
        turn(view, theme)
        bad = violations(view)
        found += [f"{view.name}, {theme}: {json.dumps(bad, indent=1)}"] if bad else []
    for width in WIDTHS:
        view.page.set_viewport_size({"width": width, "height": 900})
        if view.ours.evaluate(_TOO_WIDE) > 0:
            found.append(f"{view.name}: scrolls sideways at {width}")
        found += [f"{view.name}: cut at {width}: {each}" for each in view.ours.evaluate(_CUT)]
    view.page.set_viewport_size({"width": 1280, "height": 900})
    return found


@pytest.fixture(scope="module")
def tour_key(app: RunningApp) -> str:
    """The API key of an account with nothing in it yet."""
    return app.an_account("Acme Corporation")


@pytest.mark.parametrize("side", [Jira, Console])
def test_every_state_is_accessible_in_both_themes_and_fits_small_screens(
    app: RunningApp, page: Page, a_site: Callable[..., Site], tour_key: str, side: type[Jira | Console]
) -> None:
    key = tour_key if side is Jira else app.an_account("Acme Corporation, console")
    states: Iterator[View] = side(app, page, a_site, key).states()
    found, seen = [], []
    for view in states:
        seen.append(view.name)
        found += check(view)
    assert found == [], "\n".join(found)
    assert len(seen) == len(set(seen)) > 10
