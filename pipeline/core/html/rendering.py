"""What all pages have in common: they need nothing else, neither network nor a file beside them.

A page is a template with places written @@name; whatever comes from a person is escaped on its way in.
"""

import base64
import json
from datetime import datetime
from importlib.metadata import version
from string import Template
from typing import Any


class Page(Template):
    """A template whose places are written @@name."""

    delimiter = "@@"


def data(content: Any) -> str:
    """Content as JSON that may stand in a script element: nothing in it can end the element."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def data_url(kind: str, content: bytes) -> str:
    """A file as the address of itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def written() -> str:
    """When, and by which version."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return f"Written {now} by s2f {version('s2f')}"
