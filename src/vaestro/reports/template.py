"""A page as HTML from its template: every text in it is escaped, no file is fetched."""

from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def rendered(template: str, **values: Any) -> str:
    """The template of that name in page/, filled with `values` and the style sheet."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=PackageLoader("vaestro.reports", "page"),
    )
    sheet = resources.files("vaestro.reports") / "page" / "report.css"
    style = Markup(sheet.read_text(encoding="utf-8"))  # our own file, no text from a run
    return environment.get_template(template).render(style=style, **values)
