"""A generator as a folder for the Hugging Face Hub: its files, its card, and how it is loaded again."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from support.model_runs import equal, make_generator, write_run
from support.model_shards import make_shards
from support.prepared import Command, Prepared, refused
from support.readers import read_by

import s2f
from s2f.model.hub import folder as hub
from s2f.model.networks import weights
from s2f.model.networks.weights import GENERATOR, PRETRAINED, located
from s2f.model.training.config import TrainParams
from s2f.model.training.trainer import run_folder
from s2f.pipeline.core.errors import CheckpointError, MissingError
from s2f.pipeline.core.prepared_set import PreparedSet


def evaluation(path: Path, run: str) -> Path:
    """What `s2f evaluate` writes, as far as the card reads it."""

    def interval(mean: float | None) -> dict[str, Any]:
        return {"mean": mean, "low": None, "high": None, "clips": 2}

    content = {
        "data": "/somewhere/out/grid",
        "split": "val",
        "measured": 2,
        "measures": {"psnr": {"title": "PSNR"}, "wer": {"title": "WER %"}, "acd": {"title": "ACD"}},
        "rows": [
            {"name": "other", "scores": {"psnr": interval(1.0)}},
            {"name": run, "scores": {"psnr": interval(27.25), "wer": interval(49.0), "acd": interval(None)}},
            {"name": "still", "scores": {"psnr": interval(26.5)}},
            {"name": "real", "scores": {"wer": interval(12.0)}},
        ],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def run(tmp_path: Path, prepared_small: Prepared) -> Path:
    """A run on GRID, with a validation."""
    folder = write_run(tmp_path / "runs/small", make_generator())
    run_folder(folder).write(PreparedSet(str(prepared_small.out)), TrainParams())
    best = make_generator()
    with torch.no_grad():
        best.decoder.paint.weight *= 2
    weights.save_weights(folder / weights.BEST, best)
    scores = [
        {"step": 10, "val/l1": 0.05, "val/l1_still": 0.06, "val/psnr": 27.0},
        {"step": 20, "val/l1": 0.07},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores))
    (folder / "curves.jsonl").write_text(json.dumps({"step": 20, "seconds": 7200}) + "\n")
    return folder


def test_the_folder_is_loaded_and_is_the_run(run: Path, tmp_path: Path) -> None:
    files = hub.export(run, tmp_path / "faces")
    assert [path.name for path in files] == ["config.json", "model.safetensors", "README.md"]
    assert {path.name for path in (tmp_path / "faces").iterdir()} == {path.name for path in files}
    assert equal(tmp_path / "faces/model.safetensors", run / weights.BEST)
    for name in (tmp_path / "faces", str(tmp_path / "faces")):
        talker, trained = s2f.load_generator(name), s2f.load_generator(run)
        assert (talker.fps, talker.sample_rate, talker.size) == (
            trained.fps,
            trained.sample_rate,
            trained.size,
        )
        states = (talker.generator.state_dict(), trained.generator.state_dict())
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_the_card_is_read_by_the_hub_and_says_what_is_known(run: Path, tmp_path: Path) -> None:
    hub.export(run, tmp_path / "faces", evaluation(tmp_path / "evaluation.json", "small"))
    card = ModelCard.load(tmp_path / "faces/README.md")
    assert (card.data.license, card.data.library_name, card.data.pipeline_tag) == (
        "cc-by-4.0",
        "s2f",
        "image-to-video",
    )
    assert card.data.eval_results is not None
    assert [(each.metric_type, each.metric_value) for each in card.data.eval_results] == [
        ("psnr", 27.25),
        ("wer", 49.0),
    ]
    assert {(each.dataset_name, each.dataset_split) for each in card.data.eval_results} == {("grid", "val")}
    for words in (
        "| out | GRID audiovisual sentence corpus |",
        "Cooke, Barker, Cunningham and Shao 2006 | CC BY 4.0 |",
        "at step 10,",
        "| L1 | 0.05 | 0.06 |",
        "| PSNR | 27.2 | 26.5 | - |",
        "| WER % | 49 | - | 12 |",
        "20 steps in 2.0 h",
        "trainedAlgorithmicMedia",
        "s2f.load_generator",
    ):
        assert words in card.text
    assert str(tmp_path) not in card.content
    assert "ACD" not in card.text


def test_the_weights_of_the_package_keep_their_card(tmp_path: Path) -> None:
    hub.export(PRETRAINED, tmp_path / "faces")
    packed = located(PRETRAINED, GENERATOR)
    card = ModelCard.load(tmp_path / "faces/README.md")
    assert (card.data.license, card.data.license_name) == ("other", "cc-by-4.0-and-odbl")
    for line in (packed / "card.md").read_text().splitlines():
        assert line.startswith(("#", "- ", "The weights may", "A still face")) or line in card.text
    assert (tmp_path / "faces/model.safetensors").read_bytes() == (packed / GENERATOR.weights).read_bytes()


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    """A set that has gone; one without manifests; a run that began with another one; and no log."""
    run = write_run(tmp_path / "old", make_generator())
    hub.export(run, tmp_path / "one")
    assert "None were measured" in (tmp_path / "one/README.md").read_text()
    assert ModelCard.load(tmp_path / "one/README.md").data.license == "unknown"
    later = write_run(tmp_path / "later", make_generator())
    data = PreparedSet(str(make_shards(tmp_path / "drawn")))
    run_folder(later).write(data, TrainParams(), start=located(PRETRAINED, GENERATOR))
    for name in ("two", "three"):
        hub.export(later, tmp_path / name)
        text = (tmp_path / name / "README.md").read_text()
        assert "| drawn | unknown | unknown | unknown | unknown |" in text
        assert "| s2f | CREMA-D |" in text
        assert ModelCard(text).data.license == "unknown"
        shutil.rmtree(tmp_path / "drawn", ignore_errors=True)


def test_a_run_may_have_begun_with_itself(run: Path, tmp_path: Path, prepared_small: Prepared) -> None:
    run_folder(run).write(PreparedSet(str(prepared_small.out)), TrainParams(), start=run)
    hub.export(run, tmp_path / "faces")
    assert (tmp_path / "faces/README.md").read_text().count("| out | GRID") == 1


def test_the_command_takes_the_folder_at_its_end_or_by_out(s2f: Command, run: Path) -> None:
    assert s2f("export", run, "--to", "hub", "one").out.startswith("one: config.json")
    assert "nothing was uploaded" in s2f("export", run, "--to", "hub", "--out", "two").out
    assert equal(Path("one/model.safetensors"), Path("two/model.safetensors"))
    # The folder is a run to the other commands.
    assert s2f("export", "one", "--to", "hub", "three").code == 0


def test_bad_input_is_a_sentence(s2f: Command, run: Path, tmp_path: Path) -> None:
    refused(s2f("export", run, "--to", "hub"), "named once")
    refused(s2f("export", run, "a", "--out", "b"), "named once")
    refused(s2f("export", run, "--to", "hub", run), "is there already")
    refused(s2f("export", tmp_path, "--to", "hub", "a"), "holds no trained model")
    refused(s2f("export", run, "a", "--evaluation", "b"), "--to hub alone")
    refused(s2f("export", run, "--to", "hub", "a", "--evaluation", "none"), "none cannot be read")
    for content in ("{", "[]", '{"rows": [{"name": "small"}]}'):
        (tmp_path / "bad.json").write_text(content)
        ended = s2f("export", run, "--to", "hub", "a", "--evaluation", tmp_path / "bad.json")
        refused(ended, "holds no evaluation")
    other = evaluation(tmp_path / "other.json", "large")
    refused(s2f("export", run, "--to", "hub", "a", "--evaluation", other), "measures other, large", "not")
    for name in (weights.BEST, weights.NEWEST):
        (run / name).unlink()
    refused(s2f("export", run, "--to", "hub", "a"), "holds no weights yet")
    assert not Path("a").exists()


def test_a_damaged_folder_is_a_sentence(run: Path, tmp_path: Path) -> None:
    hub.export(run, tmp_path / "faces")
    (tmp_path / "faces/model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(CheckpointError, match="is damaged"):
        s2f.load_generator(tmp_path / "faces")
    (tmp_path / "faces/config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="is damaged"):
        s2f.load_generator(tmp_path / "faces")


@pytest.mark.slow
def test_an_id_on_the_hub_is_taken_from_its_cache(run: Path, tmp_path: Path) -> None:
    """Nothing is asked of the network: what was fetched lies where huggingface_hub keeps it."""
    repository, revision = tmp_path / "cache/hub/models--someone--faces", "0" * 40
    hub.export(run, repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(revision)
    script = """
import json, s2f
talker = s2f.load_generator("someone/faces")
messages = []
for name in ("someone/else", "some/one/else"):
    try:
        s2f.load_generator(name)
    except s2f.S2fError as error:
        messages.append([type(error).__name__, error.message])
print(json.dumps([talker.sample_rate, messages]))
"""
    rate, messages = read_by(script, tmp_path)
    assert rate == 16_000
    assert [kind for kind, _ in messages] == ["CheckpointError", "CheckpointError"]
    assert "someone/else is no folder, and cannot be fetched" in messages[0][1]
    assert "some/one/else holds no trained model" in messages[1][1]


def test_without_the_package_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingError) as raised:
        s2f.load_generator("someone/faces")
    assert "someone/faces is no folder" in raised.value.message
    assert "s2f[hub]" in raised.value.hint
    with pytest.raises(CheckpointError):
        s2f.load_generator(Path("someone/faces"))


def test_no_part_of_a_folder_is_pickled(run: Path, tmp_path: Path) -> None:
    hub.export(run, tmp_path / "faces")
    assert load_file(tmp_path / "faces/model.safetensors")
    assert not [path for path in (tmp_path / "faces").iterdir() if b"\x80\x04" in path.read_bytes()[:2]]
