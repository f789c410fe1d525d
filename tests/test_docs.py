"""Docs against the code: what they must name, and every example run."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import typer
from support.model_runs import TINIEST
from support.model_shards import make_shards, make_sound
from support.prepared import copy_short_clips

from s2f.model.evaluation.learned.metrics import LEARNED_METRICS
from s2f.model.evaluation.learned.weights import METRICS
from s2f.model.metrics.measures import SET_MEASURES
from s2f.model.metrics.scoring import MEASURES, ClipVideos, score_clip
from s2f.pipeline.app.program import PANELS, app
from s2f.pipeline.audit.checks.table import CHECKS
from s2f.pipeline.core import wav
from s2f.pipeline.core.media import FrameReader
from s2f.pipeline.core.pictures import encode_png
from s2f.pipeline.corpora import CORPORA, listing
from s2f.pipeline.faces import BACKENDS
from s2f.pipeline.faces.settings import DEFAULT_FACES
from s2f.pipeline.stages import STAGES, load_stages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def examples(name: str, section: str = "") -> list[str]:
    """The Python examples of a page, or of one of its sections."""
    text = page(name).partition(f"## {section}\n")[2].partition("\n## ")[0] if section else page(name)
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def run_python(script: str, folder: Path) -> str:
    """Run a script in a process of its own; modules in the folder can be imported."""
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_names_every_command() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {name for name in commands if not re.search(rf"\bs2f {name}\b", README)} == set()
    assert sum(map(len, PANELS.values())) == len(commands)


def test_the_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)#?([^)]*)\)", README)
    assert len(links) > 10
    for path, anchor in links:
        headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_bytes().decode(errors="replace"), re.MULTILINE)
        names = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in names, f"{path}#{anchor}"


def parameters(group: Any, before: str = "s2f ") -> Iterator[tuple[str, Any]]:
    """The parameters of all commands, each with what a person types to call its command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from parameters(command, f"{before}{name} ")
        else:
            yield from ((before + name, parameter) for parameter in command.params)


def test_the_pages_name_every_command_and_option() -> None:
    text = README + "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    missing = {
        f"{command} {parameter.opts[0]}"
        for command, parameter in parameters(typer.main.get_command(app))
        if command not in text
        or (parameter.param_type_name == "option" and not any(name in text for name in parameter.opts))
    }
    assert missing == set()


def test_the_tree_of_the_architecture_is_that_of_the_packages() -> None:
    """Each folder with Python is named, with the first line of its docstring as its caption."""
    tree = dict(re.findall(r"^ *(\S+)/ +([A-Z].*)$", page("architecture"), flags=re.MULTILINE))
    folders = {path.parent for half in ("pipeline", "model") for path in (ROOT / half).rglob("*.py")}
    captions = {
        folder.name: (folder / "__init__.py").read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
        for folder in folders
    }
    assert tree == captions


def test_the_commands_of_all_pages_have_the_options_that_they_are_given() -> None:
    options: dict[str, set[str]] = {}
    for command, parameter in parameters(typer.main.get_command(app)):
        options.setdefault(command, {"--help"}).update(parameter.opts)
    seen = set()
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        fences = re.findall(
            r"^```(.*?)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        shell = "\n".join(body for language, body in fences if not language)
        for line in shell.replace("\\\n", " ").splitlines():
            for words in re.findall(r"\bs2f( [a-z][^|#]*)", line):
                command = next((name for name in options if f"s2f{words} ".startswith(f"{name} ")), None)
                assert command, f"{path.name}: {line}"
                unknown = set(re.findall(r"(?<= )--[a-z-]+", words)) - options[command]
                assert not unknown, f"{path.name}: {line}"
                seen.add(command)
    assert set(options) - seen <= {"s2f settings", "s2f demo", "s2f models fetch", "s2f stage"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_audit_page_names_every_check_and_its_settings(check: object) -> None:
    text = page("audit")
    assert f"`{check.name}`" in text  # type: ignore[attr-defined]
    assert all(f"`{setting.name}`" in text for setting in check.settings)  # type: ignore[attr-defined]


def test_the_stages_page_names_every_stage_reason_corpus_and_backend() -> None:
    text = page("stages")
    reasons = {reason for stage in load_stages() for reason in stage.reasons}
    others = {"unreadable", "broken", "worker_died", "timed_out"}
    for name in (*STAGES, *reasons, *others, *CORPORA, *BACKENDS):
        assert f"`{name}`" in text or f"**{name}**" in text, name


@pytest.mark.parametrize(
    "metric", (*MEASURES, *SET_MEASURES, *LEARNED_METRICS, *METRICS), ids=lambda metric: metric.name
)
def test_the_metrics_page_names_every_metric(metric: object) -> None:
    assert metric.title in page("metrics")  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_pages_are_built_from_the_code_load_nothing_and_have_no_dead_link(tmp_path: Path) -> None:
    """One build, with a page of dead links beside the others: each of them is found, and nothing else."""
    docs, site = tmp_path / "docs", tmp_path / "site"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("reference"))
    dead = ("[page](nowhere.md)", "[heading](stages.md#nowhere)", "![picture](nowhere.png)")
    (docs / "dead.md").write_text("---\norphan: true\n---\n# Dead\n\n" + "\n\n".join(dead) + "\n")
    build = [sys.executable, "-m", "sphinx", "-q", "--keep-going", "-W", docs, site]
    done = subprocess.run(build, capture_output=True, text=True, check=False, timeout=500)
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert done.returncode == 1
    assert len(warnings) == len(dead), done.stderr
    assert all("dead.md" in line and "nowhere" in line for line in warnings), done.stderr
    settings = (site / "reference/settings.html").read_text(encoding="utf-8")
    assert all(block in settings for block in ("segment", "lipread", "max_seconds"))
    for made in site.rglob("*.html"):
        text = made.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|img|link|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//", text), made
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(.?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_the_python_examples_run_in_their_order(data: Path, tmp_path: Path) -> None:
    copy_short_clips(data, tmp_path / "raw", "s1/bbaf2n", "s2/pwij3p", "s3/sbia1a", frames=40)
    clip = tmp_path / "clip.mpg"
    shutil.copy(tmp_path / "raw/s1/bbaf2n.mpg", clip)
    (tmp_path / "photo.png").write_bytes(encode_png(next(iter(FrameReader(clip)))))
    (tmp_path / "speech.wav").write_bytes(wav.encode(make_sound(10, 0), 16_000))
    out = run_python("\n".join(examples("python")), tmp_path)
    assert "me.mp4: " in out
    assert "the sound is" in out or "move together" in out
    assert (tmp_path / "me.mp4").stat().st_size


@pytest.mark.slow
def test_the_example_of_a_stage_runs(data: Path, tmp_path: Path) -> None:
    (source,) = examples("contributing", "A stage")
    (tmp_path / "light.py").write_text(source)
    copy_short_clips(data, tmp_path / "raw", "s1/bbaf2n", "s2/pwij3p")
    script = """
from s2f.pipeline import stages
shard = stages.STAGES.pop("shard")
stages.STAGES |= {"light": "light", "shard": shard}
import s2f
s2f.prepare("raw", "out", s2f.settings({"run.workers": 1}))
try:
    s2f.prepare("raw", "out", s2f.settings({"run.workers": 1, "light.least": 255}))
except s2f.S2fError as error:
    print(error.message)
from s2f.pipeline.app.config import render
print("light:" in render())
"""
    assert run_python(script, tmp_path).splitlines() == ["no clip is left to be put into shards", "True"]
    show = [sys.executable, "-c", "from pyarrow.parquet import ParquetFile as P;"
            " print(P('out/manifests/light.parquet').read()['reason'].to_pylist())"]  # fmt: skip
    done = subprocess.run(show, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['dark', 'dark']"


def test_the_example_of_a_corpus_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = examples("contributing", "A corpus")
    (tmp_path / "numbered.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("1001_hello_there.mp4", "1002_hello.mp4"):
        (raw / name).touch()
    # The order of the table matters; patch.dict gives it back, as monkeypatch does not.
    table = {"numbered": "numbered", "folder": CORPORA["folder"]}
    with patch.dict(CORPORA, table, clear=True):
        clips = listing.find_clips(raw)
    assert [(clip.corpus, clip.speaker) for clip in clips] == [("numbered", "1001"), ("numbered", "1002")]


@pytest.mark.slow
def test_the_example_of_a_discriminator_trains(tmp_path: Path) -> None:
    entry, source = examples("contributing", "A discriminator")
    (tmp_path / "outline.py").write_text(source)
    make_shards(tmp_path / "set")
    script = f"""
from dataclasses import replace
from s2f.model.networks import discriminators
from s2f.model.networks.discriminators import Discriminator
entry = {entry.strip()}
discriminators.DISCRIMINATORS["outline"] = replace(entry, module="outline")
import s2f
small = {TINIEST} | {{"frames": 4, "batch": 2, "steps": 2, "validation_clips": 1, "workers": 0}}
small["outline_lr"] = 0.001
settings = s2f.settings({{f"train.{{name}}": value for name, value in small.items()}})
s2f.train(s2f.open_set("set"), "run", settings)
print("discriminator/outline" in open("run/curves.jsonl").read())
"""
    assert run_python(script, tmp_path).strip() == "True"


def test_the_example_of_a_metric_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = examples("contributing", "A metric")
    (tmp_path / "contrast.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    from contrast import ENTRY  # type: ignore[import-not-found]

    made = np.zeros((4, 128, 96, 3), np.uint8)
    made[:, ::2] = 20
    scores = score_clip(
        ClipVideos("one", np.zeros_like(made), {"run": made}), DEFAULT_FACES, table=[ENTRY]
    ).scores
    assert (scores["run"]["contrast"], scores["real"]["contrast"]) == (10, 0)
    assert "contrast" not in scores["still"]
