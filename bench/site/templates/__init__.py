"""Templates of issues and the catalogue of a site: JSON rendered once, with slots for the facts of each copy."""

from bench.site.templates.catalogue import ORIGIN, PROJECTS, Catalogue, make_catalogue
from bench.site.templates.factory import TemplateFactory
from bench.site.templates.slots import DAY_MS, SPAN_DAYS, SlottedJson, values_of
from bench.site.templates.template import Rows, Template

__all__ = [
    "DAY_MS",
    "ORIGIN",
    "PROJECTS",
    "SPAN_DAYS",
    "Catalogue",
    "Rows",
    "SlottedJson",
    "Template",
    "TemplateFactory",
    "make_catalogue",
    "values_of",
]
