"""Cards as the Hugging Face Hub reads them: a README.md in Markdown that begins with YAML."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from s2f.pipeline.core.files import as_text

CARD = "README.md"

UNKNOWN = "unknown"


def card(front: Mapping[str, Any], title: str, sections: Mapping[str, str]) -> bytes:
    """The content of a card: what programs read of it, then its sections that are not empty, by heading."""
    head = yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True)
    parts = [
        f"# {title}",
        *(f"## {name}\n\n{text.strip()}" for name, text in sections.items() if text.strip()),
    ]
    return as_text(f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n").encode()


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)


def code(text: str, language: str = "python") -> str:
    """A block of code in Markdown."""
    return f"```{language}\n{text.strip()}\n```"


def figure(value: float | None) -> str:
    """A measured number, or a dash where it is not known."""
    return f"{value:.3g}" if value is not None and math.isfinite(value) else "-"


def licence(ids: Iterable[str]) -> list[str]:
    """The Hub's names of some licences, each once; `unknown` where there are none."""
    return list(dict.fromkeys(ids)) or [UNKNOWN]


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
