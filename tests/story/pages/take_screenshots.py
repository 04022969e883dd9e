"""`make screenshots`: every page and state into docs/screens/, at 1280 and 400 pixels, light and dark.

Pytest collects it only by name, since it changes files of the checkout.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.story.pages.test_accessibility import THEMES, turn
from tests.story.pages.tour import Console, Jira, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from sandbox import Site
    from tests.story.processes import RunningApp

SCREENS = Path(__file__).parents[3] / "docs" / "screens"
WIDTHS = (1280, 400)
COLOURS = 32


def shoot(view: View) -> None:
    for width in WIDTHS:
        # The site's page has a margin of 16 pixels around the frame.
        view.page.set_viewport_size({"width": width if view.page is view.app_view else width + 32, "height": 800})
        for theme in THEMES:
            turn(view, theme)
            view.page.wait_for_timeout(150)
            keep(picture_of(view), SCREENS / f"{view.name}-{width}-{theme}.png")
    view.page.set_viewport_size({"width": 1280, "height": 800})


def picture_of(view: View) -> bytes:
    if view.page is view.app_view:
        return view.page.screenshot(full_page=True, animations="disabled")
    height = view.app_view.evaluate("document.body.offsetHeight")
    view.page.evaluate("(height) => { document.querySelector('iframe').style.height = `${height}px`; }", height)
    return view.page.locator("iframe").screenshot(animations="disabled")


def keep(picture: bytes, path: Path) -> None:
    """Save with a palette: enough for flat colours, in small files."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


@pytest.mark.parametrize("side", [Jira, Console])
def test_take_screenshots(app: RunningApp, page: Page, a_site: Callable[..., Site], side: type[Jira | Console]) -> None:
    SCREENS.mkdir(exist_ok=True)
    for view in side(app, page, a_site, app.an_account(f"Acme Corporation {side.__name__}")).states():
        shoot(view)
