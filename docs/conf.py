"""How `make docs` builds these pages: Sphinx, Markdown by MyST, the theme Furo; a warning is an error.

The pages of docs/reference are made from the code before each build, by from_code.py.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from from_code import write  # noqa: E402

write(DOCS / "reference")

project = "s2f"
version = release = version_of("s2f")
copyright = "the authors of s2f, Apache-2.0"
html_title = "s2f"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
# Every heading can be linked to, by the name that it has on GitHub; a link that leads nowhere is a warning.
myst_heading_anchors = 4
# What stands in single backticks in a docstring is code.
default_role = "code"
# Two dashes are those of an option.
smartquotes = False
autodoc_member_order = "bysource"
maximum_signature_line_length = 90

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["s2f.css"]
html_show_sourcelink = False
html_copy_source = False
# Shell commands, outputs and YAML share the plain fence of the pages.
highlight_language = "text"
