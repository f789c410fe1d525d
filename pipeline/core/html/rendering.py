"""Fills a page's template: Jinja2, with every value escaped.

A room keeps its templates in a folder `templates` beside its Python. They extend base.html or page.html,
and include styles and scripts as files, so that the written page is complete. Data for a script goes
through `tojson`, which escapes whatever could end the script element.
"""

import base64
import json
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

JSON: dict[str, Any] = {"allow_nan": False, "separators": (",", ":"), "default": asdict}


def render(module: str, template: str, **values: Any) -> str:
    """The page of a template in the folder `templates` beside a module, which passes its `__name__`.

    Raises UndefinedError where the template asks for a value that is not given.
    """
    return _environment(module).get_template(template).render(values)


def as_json(value: object) -> str:
    """What a page gets by `tojson`, for one that asks for it later: without NaN, dataclasses as objects."""
    return json.dumps(value, **JSON)


def data_url(content: bytes, media_type: str) -> str:
    """A file as a URL that holds it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def thousands(number: float) -> str:
    """A whole number with commas."""
    return f"{number:,.0f}"


def counted(count: int, noun: str) -> str:
    """A number of things: `1 clip`, `2,000 clips`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def written() -> str:
    """When a page is written, and by which version."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return f"Written {now} by s2f {version('s2f')}"


@cache
def _environment(module: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(module), PackageLoader(__name__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(data_url=data_url, thousands=thousands, counted=counted)
    environment.globals["written"] = written
    environment.policies["json.dumps_kwargs"] = JSON
    return environment
