"""Pages from templates: every value is escaped, and a value that is missing is an error."""

import importlib
import json
import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.html.charts import Chart, Series

HOSTILE = "</script><script>alert('x')</script><b title=\"&amp;\">{{ title }}"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with templates beside it."""
    (tmp_path / "room.py").touch()
    templates = {
        "cell.html": "<td>{{ title }}</td>",
        "data.html": "<script>{{ data | tojson }}</script>",
        "whole.html": '{% extends "page.html" %}{% block kicker %}{{ place }}{% endblock %}',
    }
    for name, text in templates.items():
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "templates" / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "room", raising=False)
    rendering._environment.cache_clear()
    return importlib.import_module("room").__name__


def test_values_are_escaped_and_never_read_as_templates(room: str) -> None:
    shown = rendering.render(room, "cell.html", title=HOSTILE)
    assert shown == (
        "<td>&lt;/script&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"
        "&lt;b title=&#34;&amp;amp;&#34;&gt;{{ title }}</td>"
    )


def test_data_for_a_script_cannot_end_it(room: str) -> None:
    content = {"z": [HOSTILE, 1.5, None], "a": Chart("L1", "", "", [Series(HOSTILE, "first", [(1, 0.5)])])}
    text = rendering.render(room, "data.html", data=content)
    inside = text.removeprefix("<script>").removesuffix("</script>")
    assert "<" not in inside and ">" not in inside
    read = json.loads(inside)
    assert list(read) == ["z", "a"]
    assert read["z"] == [HOSTILE, 1.5, None]
    assert read["a"]["series"] == [{"name": HOSTILE, "look": "first", "points": [[1, 0.5]]}]


def test_a_number_that_json_does_not_know_is_refused(room: str) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        rendering.render(room, "data.html", data=[float("nan")])


def test_a_value_that_is_missing_is_an_error(room: str) -> None:
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        rendering.render(room, "cell.html")


def test_a_room_extends_the_shared_page(room: str) -> None:
    text = rendering.render(room, "whole.html", title="<one>", place="here", facts=["a & b"], verdicts=[])
    assert text.startswith("<!doctype html>") and text.endswith("</html>\n")
    assert "<title>&lt;one&gt; – s2f</title>" in text  # noqa: RUF001 - a dash in a title
    assert '<p class="kicker">here</p>' in text
    assert "<li>a &amp; b</li>" in text
    assert "default-src 'none'" in text


def test_files_and_numbers_as_a_page_shows_them() -> None:
    assert rendering.data_url(b"abc", "image/png") == "data:image/png;base64,YWJj"
    assert (rendering.thousands(1234), rendering.counted(1, "clip"), rendering.counted(2000, "clip")) == (
        "1,234",
        "1 clip",
        "2,000 clips",
    )
