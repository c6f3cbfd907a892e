"""A rehearsal as one page that needs nothing else: tables and charts, readable on a dark screen and on paper.

It names orders, articles' counts and suppliers, and nobody.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from starter.rehearsal import charts, words
from starter.rehearsal.words import Shape

_TEMPLATE = "page.html"


def write_page(path: Path, shape: Shape) -> None:
    """Write the page. Raises OSError where that can't be."""
    path.write_text(page(shape), "utf-8")


def page(shape: Shape) -> str:
    """Render the page; the same findings give the same page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    before, after = shape["before"], shape["after"]
    return environment.get_template(_TEMPLATE).render(
        shape=shape,
        words=words,
        tiles=list(words.tiles(shape)),
        supplier_bars=charts.supplier_bars(before["suppliers"], after["suppliers"]),
        days_columns=charts.days_columns(before["promised_days"]["orders"], after["promised_days"]["orders"]),
        change_columns=charts.change_columns(shape["cost_changes"]),
    )
