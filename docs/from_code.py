"""The reference: Markdown pages made from the tables, settings, commands and docstrings of the code."""

import ast
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

import s2f
from s2f.model import pretrained
from s2f.model.evaluation.learned.metrics import LEARNED_METRICS
from s2f.model.evaluation.learned.weights import METRICS
from s2f.model.metrics.measures import MEASURES, SET_MEASURES
from s2f.model.networks import related as related_work
from s2f.model.networks.discriminators import DISCRIMINATORS
from s2f.pipeline.app import config
from s2f.pipeline.app.program import PANELS, app
from s2f.pipeline.audit.checks import reference as checks
from s2f.pipeline.corpora import CORPORA
from s2f.pipeline.corpora.splits import PAPERS
from s2f.pipeline.faces import BACKENDS
from s2f.pipeline.stages import load_stages

# What the functions of the Python API take and give.
CLASSES = (
    "s2f.pipeline.app.config.Settings",
    "s2f.pipeline.core.prepared_set.PreparedSet",
    "s2f.pipeline.audit.auditing.Audit",
    "s2f.model.networks.weights.Talker",
    "s2f.model.inference.animate.Animation",
    "s2f.model.evaluation.results.Evaluation",
    "s2f.model.evaluation.learned.sync.protocol.SyncScore",
)

# The words for what a JSON Schema says; null is no kind of its own.
KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "map",
}
BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}


def write(folder: Path) -> None:
    """Write all pages; one that has not changed is left, so that Sphinx does not read it again."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path, text = folder / f"{name}.md", "\n".join(page()) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(folder.glob("*.md")) - {folder / f"{name}.md" for name in PAGES}:
        path.unlink()


def index() -> Iterator[str]:
    """The first page of the reference."""
    yield "# Reference\n\nMade from the code at every build: what stands here is what this version does.\n"
    yield "```{toctree}\n:maxdepth: 2\n"
    yield from (name for name in PAGES if name != "index")
    yield "```"


def commands() -> Iterator[str]:
    """All commands, as their `--help` has them."""
    yield "# Commands\n\nAs `s2f COMMAND --help` prints them."
    group: Any = typer.main.get_command(app)
    for panel in PANELS:
        yield f"\n## {panel}"
        for name, command in group.commands.items():
            if command.rich_help_panel == panel:
                yield from _command(f"s2f {name}", command)


def _command(name: str, command: Any) -> Iterator[str]:
    about, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    yield f"\n### {name}\n\n{_plain(about)}"
    if example:
        yield f"```\n{example.strip()}\n```"
    if hasattr(command, "commands"):
        for each, below in command.commands.items():
            yield from _command(f"{name} {each}", below)
        return
    context = command.context_class(command, info_name=name)
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [(f"`{names}`", _plain(meaning)) for names, meaning in filter(None, records)]
    if rows:
        yield from _table(("", "meaning"), rows)


def settings() -> Iterator[str]:
    """All settings, from the JSON Schema of stages.yaml."""
    yield "# Settings\n"
    yield "The blocks of `stages.yaml`. Override one with `--set`, as in `--set detect.every=12`."
    yield "`null` means that the recipe decides, or that there is none."
    content = config.schema()
    for block, about in content["properties"].items():
        definition = content["$defs"][about["$ref"].rpartition("/")[2]]
        about_block = about.get("description", "") or definition.get("description", "")
        yield f"\n## {block}\n\n{_plain(about_block)}\n"
        yield from _table(
            ("setting", "default", "may be", "meaning"),
            [
                (
                    f"`{name}`",
                    f"`{_value(setting.get('default', about['default'].get(name)))}`",
                    _kind(setting),
                    _plain(setting.get("description", "")),
                )
                for name, setting in definition["properties"].items()
            ],
        )


def _value(value: Any) -> str:
    """A value as YAML has it."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False).split("\n")[0]


def _kind(setting: dict[str, Any]) -> str:
    """What a setting may be, in words."""
    if "anyOf" in setting:
        return " or ".join(dict.fromkeys(filter(None, map(_kind, setting["anyOf"]))))
    if "enum" in setting:
        return ", ".join(f"`{each}`" for each in setting["enum"])
    if "const" in setting:
        return f"`{setting['const']}`"
    bounds = [f"{word} {setting[key]:g}" for key, word in BOUNDS.items() if key in setting]
    return " ".join([KINDS.get(setting.get("type", ""), ""), *bounds])


def python() -> Iterator[str]:
    """The Python API, from its docstrings."""
    yield "# Python API\n"
    yield "`import s2f`; [examples](../python.md), in the order in which they are used.\n"
    yield "```{eval-rst}"
    for name in s2f.__all__:
        kind = "autoclass" if inspect.isclass(getattr(s2f, name)) else "autofunction"
        yield f".. {kind}:: s2f.{name}"
    yield "```\n\n## What they give and take\n\n```{eval-rst}"
    for name in CLASSES:
        yield f".. autoclass:: {name}\n   :members:\n   :exclude-members: model_config\n"
    yield "```"


def stages() -> Iterator[str]:
    """Stages, the reasons of their rows, their columns."""
    yield "# Stages and reasons\n\nIn their order; [how they work](../stages.md).\n"
    yield "A row of any stage is `ok`, `rejected` for a reason below, or `failed`."
    for stage in load_stages():
        reads = ", ".join(f"`{each}`" for each in stage.reads) or "the raw files"
        yield f"\n## {stage.name}\n\n{_plain(stage.description)}\n"
        yield f"Version {stage.version}; reads {reads}; works on one {stage.unit};"
        yield f"[settings](settings.md#{stage.name}).\n"
        if stage.reasons:
            rows = [(f"`{code}`", _plain(meaning)) for code, meaning in stage.reasons.items()]
            yield from _table(("rejects as", "because"), rows)
        columns = [(f"`{column.name}`", f"`{column.type}`") for column in stage.columns]
        if columns:
            yield ""
            yield from _table(("column", "type"), columns)


def audit() -> Iterator[str]:
    """The checks of the audit."""
    yield "# Checks of the audit\n\n[How to read them](../audit.md)."
    yield f"\n## Of single clips\n\n{_from_docs(checks.clip_table())}"
    yield f"\n## Of the set\n\n{_from_docs(checks.set_table())}"


def corpora() -> Iterator[str]:
    """Corpora, splits, face backends."""
    yield "# Corpora, splits, face backends\n\n## Corpora\n\nThe names that `--corpus` takes."
    for name in CORPORA:
        yield f"\n### {name}\n\n{_about(CORPORA[name])}"
    yield "\n## Splits\n\nThe names that `shard.split` takes, besides `shares`, the default.\n"
    yield from _table(
        ("split", "test speakers", "left out", "how certain"),
        [
            (f"`{name}`", ", ".join(sorted(each.test)), ", ".join(sorted(each.left_out)), each.recalled)
            for name, each in PAPERS.items()
        ],
    )
    yield "\n## Face backends\n\nThe names that `detect.backend` and `--faces` take."
    for name in BACKENDS:
        yield f"\n### {name}\n\n{_about(BACKENDS[name])}"


def measures() -> Iterator[str]:
    """Metrics, discriminators, and the generators of related work."""
    yield "# Metrics, discriminators, related work\n\n## Metrics\n"
    yield "The columns of an evaluation; [how they are measured](../metrics.md).\n"
    better = {True: "higher", False: "lower", None: ""}
    yield from _table(
        ("name", "title", "meaning", "better", "measured on"),
        [
            (f"`{m.name}`", m.title, _plain(m.meaning), better[m.higher_is_better], ", ".join(m.on))
            for m in (*MEASURES, *SET_MEASURES, *LEARNED_METRICS, *METRICS)
        ],
    )
    yield "\n## Discriminators\n"
    yield "Each has a weight and a learning rate in the [`train` block](settings.md#train).\n"
    yield from _table(
        ("name", "what it judges", "weight", "rate"),
        [
            (f"`{d.name}`", f"{d.title}: {d.judges}", *(_default(each) for each in (d.weight, d.lr)))
            for d in DISCRIMINATORS.values()
        ],
    )
    yield "\n## Generators of related work\n"
    yield "The names that `train.generator` takes beside `papers`; [how they are trained](../training.md)."
    for name, related in related_work.RELATED.items():
        yield f"\n### {related.title}\n\n`{name}`: {_about(f'{related_work.__name__}.{name}')}"


def presets() -> Iterator[str]:
    """Named settings."""
    yield "# Presets\n\nThe names that `--preset` takes."
    for name, path in config.presets().items():
        yield f"\n## {name}\n\n```yaml\n{path.read_text(encoding='utf-8').strip()}\n```"


def weights() -> Iterator[str]:
    """The cards of the weights of the package."""
    yield "# Weights of the package\n\nTheir cards. `pretrained` in place of a run folder names them."
    for card in sorted(Path(pretrained.__file__).parent.glob("*/card.md")):
        yield "\n" + re.sub(r"^#", "##", card.read_text(encoding="utf-8").strip(), flags=re.MULTILINE)


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "index": index,
    "commands": commands,
    "settings": settings,
    "python": python,
    "stages": stages,
    "checks": audit,
    "corpora": corpora,
    "measures": measures,
    "presets": presets,
    "weights": weights,
}


def _default(value: float | None) -> str:
    return "the recipe's" if value is None else f"{value:g}"


def _about(module: str) -> str:
    """The docstring of a module, which is not imported: it may need a package that is not there."""
    found = importlib.util.find_spec(module)
    assert found
    assert found.origin
    return _plain(ast.get_docstring(ast.parse(Path(found.origin).read_text(encoding="utf-8"))) or "")


def _plain(text: str) -> str:
    """Text in which nothing but backticks has a meaning."""
    return re.sub(
        r"`[^`]*`|[<*\[]", lambda part: part[0] if part[0][0] == "`" else f"\\{part[0]}", text.strip()
    )


def _from_docs(text: str) -> str:
    """Markdown with links as from docs/."""
    return re.sub(r"\]\((?=\w+\.md)", "](../", text)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table in Markdown."""
    for cells in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
