"""The command line: help that ends in an example, errors of one line with a hint, quick to start."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import numpy as np
import pytest
import typer
from support.model_runs import RATE, make_generator, write_run
from support.model_shards import draw_faces, make_sound
from support.prepared import Command, Ended, Prepared, refused

from s2f.pipeline.app import config
from s2f.pipeline.app.program import PANELS, app
from s2f.pipeline.core import wav
from s2f.pipeline.core.media import FrameReader, probe
from s2f.pipeline.core.pictures import encode_png


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """The commands of a group, and of the groups in it, by what a person types after `s2f`."""
    for name, command in group.commands.items():
        yield before + name, command
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")


COMMANDS = dict(commands(typer.main.get_command(app)))  # type: ignore[arg-type]
HEAVY = ("torch", "dlib", "cv2", "av", "pyarrow", "webdataset", "skimage", "s2f.model")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder that could be a corpus, with a file that is no video."""
    path = tmp_path / "raw" / "ann" / "one.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no video")
    return path.parents[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_ends_with_an_example(s2f: Command, command: str) -> None:
    example = (COMMANDS[command].help or "").strip().splitlines()[-1].strip()
    assert example.startswith(f"Example: s2f {command}")
    ended = s2f(*command.split(), "--help")
    assert ended.code == 0
    assert f"Example: s2f {command}" in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_and_option_is_explained(command: str) -> None:
    for parameter in COMMANDS[command].params:
        assert getattr(parameter, "help", "") or parameter.name == "help", parameter.name


def test_without_a_command_the_commands_are_listed_in_their_panels(s2f: Command) -> None:
    ended = s2f()
    listed = ended.out + ended.err
    places = [listed.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    for command in COMMANDS:
        assert command.partition(" ")[0] in listed


def test_the_version_is_that_of_the_package(s2f: Command) -> None:
    ended = s2f("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"s2f {metadata.version('s2f')}\n", "")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("s2f ver", "verify"), ("s2f prep --retr", "--retry-failed"), ("s2f sync t", "train")],
)
def test_the_shell_completes_commands_and_options(typed: str, offered: str) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" ")), "_S2F_COMPLETE": "complete_bash"}
    script = Path(sys.executable).with_name("s2f")
    done = subprocess.run(
        [script], env=os.environ | words, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [offered]


def test_the_schema_of_the_settings_is_printed(s2f: Command) -> None:
    schema = json.loads(s2f("settings", "--schema").out)
    assert schema["properties"].keys() == config.Settings.model_fields.keys()


@pytest.mark.slow
def test_an_animation_is_told_in_a_sentence_and_a_damaged_photo_in_two_lines(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_generator())
    still = np.asarray(draw_faces(np.array([-10], np.float32), 0)[0])
    photo, sound, out = tmp_path / "face.png", tmp_path / "sound.wav", tmp_path / "talk.mp4"
    photo.write_bytes(encode_png(still))
    sound.write_bytes(wav.encode(make_sound(20, 0), RATE))

    def animate() -> Ended:
        script = Path(sys.executable).with_name("s2f")
        words = ["--image", photo, "--audio", sound, "--run", run, "--out", out, "--aligned"]
        done = subprocess.run([script, "animate", *words], capture_output=True, text=True, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    assert animate() == Ended(0, f"{out}: 0.80 s of video, 20 frames at 25 per second\n", "")
    photo.write_bytes(encode_png(still)[: photo.stat().st_size // 2])
    refused(animate(), "face.png is not a picture that can be read")


@pytest.mark.parametrize("arguments", [["--help"], ["prep", "--help"], ["settings", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = f"""
import sys
from s2f.pipeline.app.cli import main
try:
    main({arguments!r})
finally:
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    print("loaded:", loaded, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stderr.strip() == "loaded: []"


def test_the_installed_script_is_the_command_line() -> None:
    script = Path(sys.executable).with_name("s2f")
    done = subprocess.run(
        [script, "prep", "no/such/folder", "--out", "out"], capture_output=True, text=True, check=False
    )
    refused(Ended(done.returncode, done.stdout, done.stderr), "no/such/folder is not a folder")


@pytest.mark.parametrize("command", [["prep"], ["stage", "scan"]])
def test_a_raw_folder_that_is_missing_empty_or_without_videos(
    s2f: Command, tmp_path: Path, command: list[str]
) -> None:
    empty, textual = tmp_path / "empty", tmp_path / "textual"
    empty.mkdir()
    textual.mkdir()
    (textual / "notes.txt").touch()
    out = tmp_path / "out"
    refused(s2f(*command, tmp_path / "none", "--out", out), "none is not a folder")
    refused(s2f(*command, textual / "notes.txt", "--out", out), "notes.txt is not a folder")
    refused(s2f(*command, empty, "--out", out), "empty is empty")
    refused(s2f(*command, textual, "--out", out), "textual holds no videos")
    assert not out.exists()


def test_settings_that_cannot_be_used(s2f: Command, raw: Path) -> None:
    prep = ("prep", raw, "--out", "out")
    Path("broken.yaml").write_text("detect: [1\n", encoding="utf-8")
    Path("unknown.yaml").write_text("detect:\n  evry: 3\n", encoding="utf-8")
    refused(s2f(*prep, "--config", "none.yaml"), "none.yaml cannot be read")
    refused(s2f(*prep, "--config", "broken.yaml"), "broken.yaml is not valid YAML at line")
    refused(s2f(*prep, "--config", "unknown.yaml"), "unknown setting detect.evry")
    refused(s2f(*prep, "--set", "detect.evry=3"), "unknown setting detect.evry")
    refused(s2f(*prep, "--set", "detect.every=[bold]"), "setting detect.every", "bold")
    refused(s2f(*prep, "--set", "detect.every"), "is no setting")
    refused(s2f("train", "out", "--run", "run", "--set", "train.with=3"), "unknown setting train.with")
    assert not Path("out").exists()


def test_a_place_that_cannot_be_written_to(s2f: Command, raw: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(s2f("prep", raw, "--out", tmp_path / "file"), "cannot be made")
    refused(s2f("prep", raw, "--out", tmp_path / "file" / "out"), "cannot be made")


def test_a_file_in_the_way_of_a_manifest(s2f: Command, raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifests").touch()
    refused(s2f("prep", raw, "--out", out), "manifests")


def test_a_damaged_manifest(s2f: Command, small: Prepared) -> None:
    (small.out / "manifests/detect.parquet").write_bytes(b"damaged")
    refused(s2f("prep", small.raw, "--out", small.out), "detect.parquet cannot be read")
    refused(s2f("audit", small.out), "detect.parquet cannot be read")


def test_a_stage_or_speaker_that_is_not_there(s2f: Command, raw: Path) -> None:
    refused(s2f("stage", "algin", raw, "--out", "out"), "no stage algin")
    refused(s2f("prep", raw, "--out", "out", "--speakers", "bob"), "bob")


def test_clips_of_which_none_serves(s2f: Command, raw: Path) -> None:
    ended = s2f("prep", raw, "--out", "out", "--set", "run.workers=1")
    refused(ended, "no clip is left")
    assert Prepared(raw, Path("out")).ending("ann_one") == ("scan", "failed", "unreadable")


def test_what_is_no_prepared_set_cannot_be_audited(s2f: Command, raw: Path, tmp_path: Path) -> None:
    refused(s2f("audit", tmp_path / "none"), "holds no manifests")
    refused(s2f("audit", raw), "holds no manifests")


def test_a_report_that_cannot_be_written(s2f: Command, small: Prepared) -> None:
    shutil.rmtree(small.out / "audit", ignore_errors=True)
    (small.out / "audit").touch()
    refused(s2f("audit", small.out), "cannot be")


def test_a_missing_argument_is_a_usage_error(s2f: Command) -> None:
    ended = s2f("prep")
    assert ended.code == 2
    assert "Missing argument" in ended.err
    assert s2f("prep", ".", "--out", "out", "--limit", "0").code == 2


def test_prep_prints_the_funnel(s2f: Command, small: Prepared) -> None:
    ended = s2f(
        "prep", small.raw, "--out", small.out, "--set", "window.seconds=0.2", "--set", "run.workers=1"
    )
    assert ended.code == 0
    assert ended.err == ""
    lines = {words[1]: words for words in map(str.split, ended.out.splitlines()) if len(words) > 8}
    for name, run in {"scan": "0", "window": "3", "shard": "0"}.items():
        assert lines[name][3::2][:5] == ["3", "3", "0", "0", run]


def test_settings_prints_a_file_that_prep_reads(s2f: Command, small: Prepared) -> None:
    printed = s2f("settings")
    Path("stages.yaml").write_text(printed.out, encoding="utf-8")
    assert s2f("prep", small.raw, "--out", small.out).code == 0
    assert small.rows("window")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--image", "a.png", "--video", "a.mp4", "--text", "hello"], "one face is to speak"),
        (["--text", "hello"], "one face is to speak"),
        (["--image", "a.png", "--text", " "], "nothing to say"),
        (["--image", "a.png", "--text", "hello", "--audio", "a.wav"], "come from one place"),
        (
            ["--image", "a.png", "--text", "hello", "--aligned", "--frame", "photo"],
            "--frame photo is not possible",
        ),
        (["--video", "a.mp4", "--text", "hello", "--frame", "face"], "--frame face is not possible"),
        (["--image", "a.png", "--text", "hello", "--scale", "2"], "--scale is for the face alone"),
        (["--video", "a.mp4", "--text", "hello", "--scale", "2"], "--scale is for the face alone"),
        (["--image", "a.png", "--text", "hello", "--frame", "face", "--keep", "upper"], "--keep is for"),
        (["--image", "a.png", "--text", "hello", "--voice", "klingonese"], "no voice klingonese"),
    ],
)
def test_options_of_an_animation_that_do_not_go_together(
    s2f: Command, words: list[str], told: str, tmp_path: Path
) -> None:
    refused(s2f("animate", *words, "--out", str(tmp_path / "talk.mp4")), told)
    assert not (tmp_path / "talk.mp4").exists()


@pytest.mark.slow
def test_a_photo_says_what_is_typed(s2f: Command, data: Path, tmp_path: Path) -> None:
    photo, out = tmp_path / "photo.png", tmp_path / "talk.mp4"
    photo.write_bytes(encode_png(next(iter(FrameReader(data / "grid/s1/bbaf2n.mpg")))))
    done = s2f("animate", "--image", str(photo), "--text", "Good morning!", "--out", str(out))
    assert done.code == 0, done.err
    found = probe(out)
    assert (found.width, found.height) == (360, 288)
    assert 1 < found.duration < 3
