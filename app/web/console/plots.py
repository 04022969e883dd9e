"""Plots as pictures (SVG, by pygal): no script in them, colours of either theme, and a sentence that says the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import pygal
from pygal.style import Style

from app.ingest.status import diagnostics
from app.web.shown import number
from app.web.words.language import N_, gettext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from xml.etree.ElementTree import Element

    from app.ingest.status import Hour
    from app.store.session import Session

# Pygal leaves a finder of its maps behind, in a form that Python warns of at every later import. We draw no maps.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

HOURS = 48
_LOOK = """
{id} { background: none; font-family: sans-serif }
{id} .graph > .background, {id} .plot > .background { fill: none }
{id} .axis text, {id} .axis text.major { fill: #44546f; font-size: 11px }
{id} .axis .line, {id} .axis .guide.line, {id} .axis .major.line { stroke: #dcdfe4 !important; stroke-dasharray: none !important }
{id} .color-0, {id} .color-0 a:visited { fill: #0c66e4; stroke: #0c66e4 }
@media (prefers-color-scheme: dark) {
  {id} .axis text, {id} .axis text.major { fill: #9fadbc }
  {id} .axis .line, {id} .axis .guide.line, {id} .axis .major.line { stroke: #3b4754 !important }
  {id} .color-0, {id} .color-0 a:visited { fill: #579dff; stroke: #579dff }
}
"""


class Plot(NamedTuple):
    """A plot: its caption, and the source of its hours."""

    caption: str
    source: Callable[..., list[Hour]]


class Words(NamedTuple):
    """A plot in words, for screen readers and everybody else."""

    name: str
    caption: str
    says: str
    is_empty: bool = False


PLOTS: dict[str, Plot] = {
    "throughput": Plot(N_("Rows read an hour, last two days"), diagnostics.throughput),
    "freshness": Plot(N_("Seconds from webhook to stored, last two days"), diagnostics.freshness),
}


def hours_of(session: Session, name: str) -> list[Hour]:
    """The hours of a plot, oldest first, in a session bound to the tenant."""
    return PLOTS[name].source(session, hours=HOURS)


def words_of(name: str, hours: Sequence[Hour]) -> Words:
    """A plot in one sentence."""
    points = [hour for hour in hours if hour.value is not None and (hour.value or name == "freshness")]
    caption = gettext(PLOTS[name].caption)
    if not points:
        sentence = gettext("Nothing was read.") if name == "throughput" else gettext("No webhook came.")
        return Words(name, caption, sentence, is_empty=True)
    top = max(points, key=lambda hour: hour.value or 0)
    at = top.start.strftime("%Y-%m-%d %H:%M UTC")
    if name == "throughput":
        total = number(round(sum(hour.value or 0 for hour in points)))
        says = gettext(
            "%(total)s rows in all, most of them (%(most)s) in the hour from %(at)s.",
            total=total,
            most=number(round(top.value or 0)),
            at=at,
        )
    else:
        last = number(round(points[-1].value or 0, 1))
        says = gettext(
            "95 of 100 were stored within %(last)s s in the last hour that had any, and within %(most)s s at worst, in"
            " the hour from %(at)s.",
            last=last,
            most=number(round(top.value or 0, 1)),
            at=at,
        )
    return Words(name, caption, says)


def draw(name: str, hours: Sequence[Hour], *, is_narrow: bool) -> str:
    """The picture; the narrow one keeps its letters readable on a small screen."""
    chart = (pygal.Bar if name == "throughput" else pygal.Line)(
        width=320 if is_narrow else 480,
        height=220,
        show_legend=False,
        show_x_guides=False,
        dots_size=2.5,
        js=[],
        css=["file://style.css", "file://graph.css", f"inline:{_LOOK.replace('{id}', '#chart-plot')}"],
        style=Style(font_family="sans-serif", background="transparent", plot_background="transparent"),
        margin=6,
        x_labels_major_every=12,
        show_minor_x_labels=False,
        truncate_label=-1,
        no_data_text="",
        value_formatter=lambda value: number(round(value, 1)),
        range=None if any(hour.value for hour in hours) else (0, 1),
        include_x_axis=True,
        disable_xml_declaration=True,
    )
    chart.uuid = "plot"
    chart.x_labels = [hour.start.strftime("%d. %H:%M") for hour in hours]
    chart.add(gettext(PLOTS[name].caption), [hour.value for hour in hours])
    chart.add_xml_filter(_without_scripts)
    return str(chart.render())


def _without_scripts(root: Element) -> Element:
    """The library writes a script into every picture; a picture needs none."""
    for parent in root.iter():
        for child in [element for element in parent if str(element.tag).endswith("script")]:
            parent.remove(child)
    return root
