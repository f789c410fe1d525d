"""`s2f ablate`: rows trained and measured, stopped and gone on with, and set beside reported figures."""

import io
import json
import os
import shutil
import signal
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console
from safetensors.torch import load_file
from support.model_runs import TINIEST, equal, make_related, write_run
from support.model_shards import make_shards
from support.prepared import Command, Ended, fingerprint

from s2f.model.data.recordings import listed
from s2f.model.evaluation.ablation import tables
from s2f.model.evaluation.ablation.directions import directions
from s2f.model.evaluation.ablation.results import Ablation, Trained, summary
from s2f.model.evaluation.ablation.rows import AblationRow, AblationRows
from s2f.model.evaluation.ablation.rows import load as load_rows
from s2f.model.evaluation.ablation.rows import settings as row_settings
from s2f.model.evaluation.ablation.seams import measure_seams
from s2f.model.evaluation.learned.lipreading import reader
from s2f.model.evaluation.learned.lipreading.network import LipNet
from s2f.model.evaluation.learned.sync import scorer
from s2f.model.evaluation.learned.sync.network import SyncNetwork
from s2f.model.evaluation.results import Evaluation, summarise
from s2f.model.metrics.scoring import REAL, STILL, Column, Scored
from s2f.model.training import checkpoint, trainer
from s2f.model.training.config import RECIPES, TrainParams
from s2f.pipeline.app import config, tour
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.prep.settings import save

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = {
    **TINIEST,
    "batch": 2,
    "frames": 4,
    "judged_frames": 1,
    "steps": 4,
    "validate_every": 4,
    "validation_clips": 1,
    "save_every": 4,
    "workers": 0,
    "threads": 1,
    "device": "cpu",
}
SLUGS = ("l1-only", "l1-frame", "l1-frame-sequence", "static-baseline")
SURE = "as recalled, not checked"
SOURCE = "Vougioukas et al. 2018, GRID"
SILENT = Console(file=io.StringIO())

PSNR = Column("psnr", "PSNR", "dB", True, 2)
L1 = Column("l1", "L1", "error", False, 4)
WER = Column("wer", "WER %", "words", False, 1)


def settings(**changes: object) -> list[str]:
    """The options of a tiny training."""
    return [part for name, value in (TINY | changes).items() for part in ("--set", f"train.{name}={value}")]


def tiny(**changes: object) -> TrainParams:
    return TrainParams.model_validate(TINY | changes)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"), train=4, val=2, frames=6, per_shard=2)


@pytest.fixture
def command(s2f: Command, drawn: Path, tmp_path: Path) -> Command:
    """`s2f ablate` on tiny trainings, into the folder `ablation`."""

    def run(*options: object, **changes: object) -> Ended:
        return s2f(
            "ablate", drawn, "--out", tmp_path / "ablation", "--workers", 1, *settings(**changes), *options
        )

    return run


def rows_file(folder: Path, *rows: object, **more: object) -> Path:
    path = folder / "rows.yaml"
    path.write_text(yaml.safe_dump({"rows": list(rows), **more}))
    return path


@pytest.mark.slow
def test_the_rows_of_the_paper_from_one_command(command: Command, tmp_path: Path) -> None:
    ended = command()
    assert ended.code == 0, ended.err
    folder = tmp_path / "ablation"
    for number, name in enumerate(("L1 only", "L1 + frame", "L1 + frame + sequence", "static baseline"), 1):
        assert f"row {number} of 4: {name}" in ended.out
    judges = {"l1-only": set(), "l1-frame": {"frame"}, "l1-frame-sequence": {"frame", "sequence"}}
    for slug in SLUGS:
        state = checkpoint.load_state(folder / "runs" / slug)
        assert state["step"] == 4
        assert state["adversaries"].keys() == judges.get(slug, {"frame"})
    assert yaml.safe_load((folder / "runs/static-baseline/train.yaml").read_text())["temporal"] is False
    assert (folder / "scores/evaluation.html").stat().st_size

    # The reported figures, with their source and how sure they are, wherever they are told.
    written = json.loads((folder / "ablation.json").read_text())
    assert [row["name"] for row in written["rows"]][2] == "L1 + frame + sequence"
    for row, psnr in zip(written["rows"], (28.47, 27.71, 27.98, 27.39), strict=True):
        assert (row["reported"]["source"], row["reported"]["certainty"]) == (SOURCE, SURE)
        assert row["reported"]["figures"]["psnr"] == psnr
        assert (row["steps"], row["failed"]) == (4, None)
        assert row["scores"]["psnr"]["clips"] == 2
    assert written["real"]["reported"]["certainty"] == SURE
    assert {each["measure"] for each in written["order"]} == {"psnr", "ssim", "fdbm", "cpbd", "wer"}
    assert all(each["reported"]["certainty"] == SURE for each in written["order"])
    markdown = (folder / "ablation.md").read_text()
    for text in (ended.out, markdown):
        for words in ("28.47", "0.859", "25.45", SOURCE, SURE, "not measured", "another face network"):
            assert words in text
    first = markdown.splitlines()
    assert SURE in first[0]
    assert first[2] == "|  | PSNR ↑ | SSIM ↑ | FDBM ↑ | CPBD ↑ | WER % |"
    assert first[5] == r"| as reported \* | 28.47 | 0.859 | 0.101 | 0.210 | 27.90 |"

    # Two clips show nothing.
    assert {each["found"] for each in written["order"]} == {"not shown", "equal", "not measured"}

    before = fingerprint(folder / "runs")
    again = command()
    assert again.code == 0, again.err
    assert again.out.count("has ended at step 4 already") == 4
    assert fingerprint(folder / "runs") == before
    assert (folder / "ablation.md").read_text() == markdown


@pytest.mark.slow
def test_a_lip_reader_and_a_sync_scorer_join_the_evaluation(command: Command, tmp_path: Path) -> None:
    torch.manual_seed(0)
    reader_ = reader.Reader(LipNet(width=4, hidden=8, dropout=0.0), Fraction(25))
    reader.describe(tmp_path, reader_)
    reader.save_weights(tmp_path, reader_)
    scorer.save(tmp_path, scorer.Scorer(SyncNetwork(2, 8, 3200, 16_000), Fraction(25), torch.device("cpu")))
    rows = rows_file(tmp_path, A)
    ended = command("--rows", rows, "--lipreader", tmp_path, "--sync", tmp_path)
    assert ended.code == 0, ended.err
    told = " ".join(ended.out.split())
    assert "wer of a: it is not known what is said" in told
    assert "av_offset of a: there is no sound, or less than 24 frames" in told


@pytest.mark.slow
def test_what_was_interrupted_goes_on(command: Command, drawn: Path, tmp_path: Path) -> None:
    rows = rows_file(
        tmp_path,
        {"name": "a"},
        {"name": "b", "train": {"frame_weight": 0}},
        {"name": "c/d", "train": {"seed": 1}},
    )
    runs = tmp_path / "ablation" / "runs"
    # One that stopped half way, and one that was killed before its first checkpoint.
    trainer.train(PreparedSet(drawn), runs / "a", tiny(steps=2), resume=False, console=SILENT)
    trainer.train(PreparedSet(drawn), runs / "b", tiny(frame_weight=0), resume=False, console=SILENT)
    for left in (runs / "b").iterdir():
        if left.name not in ("train.yaml", "generator.json"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    ended = command("--rows", rows, "--limit", 1)
    assert ended.code == 0, ended.err
    assert "resuming at step 2" in ended.out
    assert "reported" not in (tmp_path / "ablation" / "ablation.md").read_text()
    for slug, changes in (("a", {}), ("b", {"frame_weight": 0}), ("c-d", {"seed": 1})):
        trainer.train(PreparedSet(drawn), tmp_path / slug, tiny(**changes), resume=False, console=SILENT)
        assert equal(*(folder / slug / "generator.safetensors" for folder in (tmp_path, runs)))


@pytest.mark.slow
def test_ctrl_c_ends_it_and_says_how_to_go_on(command: Command, tmp_path: Path) -> None:
    runs = tmp_path / "ablation" / "runs"

    def interrupt() -> None:
        curves, patience = runs / "l1-only" / "curves.jsonl", time.monotonic() + 120
        while not (curves.exists() and curves.stat().st_size) and time.monotonic() < patience:
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    impatient = threading.Thread(target=interrupt)
    impatient.start()
    ended = command(steps=100_000, validate_every=100_000, save_every=100_000)
    impatient.join()
    assert ended.code == 130
    assert "the same command goes on from here" in ended.err
    assert [path.name for path in runs.iterdir()] == ["l1-only"]
    done = checkpoint.load_state(runs / "l1-only")["step"]
    assert 0 < done < 100_000
    assert "Traceback" not in ended.err


@pytest.mark.slow
def test_a_run_without_progress_has_ended(drawn: Path, tmp_path: Path) -> None:
    params = tiny(steps=100, generator_lr=1e-12, validate_every=1, patience=2, l1_weight=0.0)
    done = trainer.go_on(PreparedSet(drawn), tmp_path / "run", params, SILENT)
    assert done["step"] < 100
    before = fingerprint(tmp_path / "run")
    assert trainer.go_on(PreparedSet(drawn), tmp_path / "run", params, SILENT) == done
    assert fingerprint(tmp_path / "run") == before


@pytest.mark.slow
def test_other_settings_are_refused_before_anything_is_trained(
    s2f: Command, command: Command, drawn: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "ablation" / "runs"
    base = {"sync_weight": 0, "volume_weight": 0}
    trainer.train(PreparedSet(drawn), runs / "l1-frame-sequence", tiny(**base), resume=False, console=SILENT)
    before = fingerprint(runs)
    changed = command(frame_weight=0.5)
    assert changed.code == 1
    assert "begun with other settings: frame_weight was 1.0, is 0.5" in changed.err
    elsewhere = make_shards(tmp_path / "other", train=3, val=1, frames=6)
    options = ("--out", tmp_path / "ablation", *settings())
    assert "begun with other shards" in s2f("ablate", elsewhere, *options).err
    fewer = command(steps=2)
    assert "has done 4 steps, more than the 2 of train.steps" in fewer.err
    (runs / "l1-frame-sequence" / "state.pt").write_bytes(b"damaged")
    assert "state.pt is damaged" in command().err
    (runs / "l1-frame-sequence" / "state.pt").unlink()
    assert "no checkpoint to resume from" in command().err
    after = fingerprint(runs)
    assert {name: before[name] for name in after} == after
    assert load_file(runs / "l1-frame-sequence" / "generator.safetensors")


@pytest.mark.slow
def test_a_row_that_fails_does_not_lose_the_others(command: Command, tmp_path: Path) -> None:
    bad = {"name": "too much", "train": {"l1_weight": 1e39}, "reported": {"psnr": 1.0}}
    good = {"name": "right", "train": {"frame_weight": 0}, "reported": {"psnr": 2.0}}
    rows = rows_file(tmp_path, bad, good, source="a paper", certainty="checked")
    ended = command("--rows", rows)
    assert ended.code == 1
    assert "too much failed: the losses of step" in ended.out
    assert "too much is missing, its training failed" in ended.out
    written = json.loads((tmp_path / "ablation" / "ablation.json").read_text())
    lost, kept = written["rows"]
    assert "not finite" in lost["failed"]
    assert (lost["scores"], kept["scores"]["psnr"]["clips"]) == ({}, 2)
    assert [each["found"] for each in written["order"]] == ["not measured"]
    alone = command("--rows", rows_file(tmp_path, bad, source="a paper", certainty="checked"))
    assert "no row could be trained" in alone.err


def evaluation_of(values: dict[str, dict[str, list[float]]], columns: tuple[Column, ...]) -> Evaluation:
    """An evaluation of runs by name, with the scores of each clip."""
    clips = len(next(iter(next(iter(values.values())).values())))
    scored = [
        Scored(f"c{i}", 75, {n: {m: v[i] for m, v in s.items()} for n, s in values.items()})
        for i in range(clips)
    ]
    rows = tuple(summarise(name, scored, columns, 0, None) for name in (*values, STILL, REAL))
    return Evaluation("drawn", {"data": "drawn"}, clips, 0, columns, rows, (), tuple(scored), ())


def test_the_order_is_the_reported_one_or_another_or_cannot_be_told() -> None:
    spread = np.random.default_rng(0).normal(25, 3, 20)
    # b is above a by little in every clip, c is a with noise of no direction; of d there is no model.
    sign = np.tile([0.1, -0.1], 10)
    scores = {
        name: {"psnr": list(spread + more), "l1": list(-spread)}
        for name, more in (("a", 0), ("b", 0.1), ("c", sign))
    }
    rows = [
        AblationRow(name="a", reported={"psnr": 30, "wer": 20, "l1": 1}),
        AblationRow(name="b", reported={"psnr": 31, "wer": 10}),
        AblationRow(name="c", reported={"psnr": 30, "wer": 20}),
        AblationRow(name="d", reported={"psnr": 29}),
    ]
    evaluation = evaluation_of(scores, (PSNR, L1))

    def told(rows: list[AblationRow]) -> dict[tuple[str, str, str], str]:
        ways = directions(rows, ["a", "b", "c", ""], evaluation, ["psnr", "wer", "l1"])
        return {(each.name, each.against, each.measure): each.agreement for each in ways}

    assert told(rows) == {
        ("b", "a", "psnr"): "same",
        ("b", "a", "wer"): "not measured",
        ("c", "a", "psnr"): "equal",
        ("c", "a", "wer"): "equal",
        ("c", "b", "psnr"): "same",
        ("c", "b", "wer"): "not measured",
        ("d", "a", "psnr"): "not measured",
        ("d", "b", "psnr"): "not measured",
        ("d", "c", "psnr"): "not measured",
    }
    turned = [row.model_copy(update={"reported": {"psnr": 100.0 - row.reported["psnr"]}}) for row in rows]
    turned[2] = turned[2].model_copy(update={"reported": {"psnr": 90.0}})
    assert told(turned)["b", "a", "psnr"] == "opposite"
    assert told(turned)["c", "a", "psnr"] == "not shown"


def test_measures_of_an_evaluation_are_shown_whatever_they_are() -> None:
    scores = {
        "a": {"psnr": [20.0 + i for i in range(8)], "wer": [30.0] * 8},
        "b": {"psnr": [21.0 + i for i in range(8)], "wer": [40.0] * 8},
    }
    rows = (
        AblationRow(name="A | *", reported={"wer": 27.94, "psnr": 20, "acd": 1}),
        AblationRow(name="B", reported={"wer": 25.4, "psnr": 21}),
    )
    known = AblationRows(
        source="a paper", certainty="a guess", apart={"acd": "no unit"}, real={"wer": 21.4}, rows=rows
    )
    trained = tuple(Trained(row, Path(name), 7, name) for row, name in zip(rows, "ab", strict=True))
    ablation = Ablation(known, tiny(), trained, evaluation_of(scores, (PSNR, L1, WER)))
    assert ablation.reported == ["psnr", "wer"]
    text = tables.markdown(ablation)
    assert "|  | PSNR ↑ | WER % ↓ |" in text
    assert r"| A \| \* | 23.50 ±" in text
    assert r"| as reported \* | 20.00 | 27.94 |" in text
    assert "| B against A" in text
    assert "| ↑ same | ↓ opposite |" in text
    assert r"Opposite: WER % of B is lower than of A \| \* as reported \*, and here higher." in text
    assert "ours go the same way in 1 and the opposite way in 1; in 0 no difference is shown" in text
    assert r"ACD as reported (A \| \* 1; \* a guess) is not compared with ours: no unit." in text
    console = Console(file=io.StringIO(), width=60)
    tables.show(ablation, console)
    assert isinstance(console.file, io.StringIO)
    shown, _, _ = console.file.getvalue().partition("* a paper; a guess.")
    assert max(map(len, shown.splitlines())) <= 60
    assert shown.count("the reported order *") == 2
    content = summary(ablation)
    assert [each["found"] for each in content["order"]] == ["same", "opposite"]
    assert content["not_compared"] == {"acd": "no unit"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_rows_of_the_paper_leave_out_what_they_say_and_keep_what_was_asked(recipe: str) -> None:
    base = TrainParams.model_validate({"recipe": recipe, "frame_weight": 0.1, "volume_weight": 0.3})
    known = load_rows(None)
    judges = [
        (each.frame_weight, each.sequence_weight, each.sync_weight, each.volume_weight, each.temporal)
        for each in row_settings(known, base)
    ]
    sequence = RECIPES[recipe]["sequence_weight"]
    assert judges == [
        (0, 0, 0, 0, True),
        (0.1, 0, 0, 0, True),
        (0.1, sequence, 0, 0, True),
        (0.1, 0, 0, 0, False),
    ]


def test_a_row_of_the_other_recipe_keeps_what_was_given_alone() -> None:
    rows = AblationRows(rows=(AblationRow(name="P2", train={"recipe": "ijcv2019"}),))
    (params,) = row_settings(rows, TrainParams.model_validate({"identity": 7, "width": 8}))
    assert params == TrainParams.model_validate({"recipe": "ijcv2019", "identity": 7, "width": 8})


def test_the_settings_of_a_preset_come_from_a_sets_stages_yaml(tmp_path: Path) -> None:
    wanted = config.load(None, tour.SETTINGS, "small")
    save(wanted, tmp_path / "stages.yaml")
    assert config.load(tmp_path / "stages.yaml", []).train == wanted.train
    weights = [each.frame_weight for each in row_settings(load_rows(None), wanted.train)]
    assert weights == [0, 0.1, 0.1, 0.1]


A = {"name": "a"}


@pytest.mark.parametrize(
    ("content", "words", "hint"),
    [
        ({"rows": []}, "the list of rows in .* is empty", "- name"),
        ([A], "holds no rows", "rows:"),
        ({}, "setting rows", "Ablations"),
        ({"rows": [A, {"nam": "b"}]}, r"setting rows\.1\.name|unknown setting rows\.1\.nam", ""),
        ({"rows": [{**A, "reportd": {}}]}, r"unknown setting rows\.0\.reportd", "did you mean reported?"),
        ({"rows": [A], "sorce": "x"}, "unknown setting sorce", "did you mean source?"),
        ({"rows": [A, {"name": "A!"}]}, "2 rows in .* have the same name: 'a', 'A!'", "runs/a"),
        ({"rows": [{"name": "+"}]}, "has no letter", "folder"),
        (
            {"rows": [{**A, "reported": {"psrn": 1}}], "source": "x", "certainty": "y"},
            "unknown metric psrn",
            "psnr?",
        ),
        (
            {"rows": [{**A, "reported": {"psnr": 1}}], "source": "x"},
            "without source and certainty",
            "certainty:",
        ),
        (
            {"rows": [{**A, "reported": {"psnr": "high"}}]},
            r"rows\.0\.reported\.psnr.* is 'high'",
            "Ablations",
        ),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, content: object, words: str, hint: str) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=words) as caught:
        load_rows(path)
    assert hint in caught.value.hint
    assert caught.value.hint


def test_rows_of_both_papers_come_with_the_package() -> None:
    rows = load_rows(Path("both_papers"))
    base = config.load(None, [], "compare").train
    systems = row_settings(rows, base)
    assert [each.name for each in rows.rows][-2:] == ["static baseline", "IJCV 2019"]
    # All of them hear and paint for as long, and only the last one has the second paper's system.
    assert {(each.listen_steps, each.steps, each.window_seconds) for each in systems} == {(1500, 1800, 0.2)}
    assert [each.recipe for each in systems] == ["bmvc2018"] * 4 + ["ijcv2019"]
    assert [each.sync_weight > 0 for each in systems] == [False] * 4 + [True]
    assert [each.identity for each in systems] == [50] * 4 + [128]


def test_rows_that_begin_with_the_weights_of_a_run(command: Command, drawn: Path, tmp_path: Path) -> None:
    base = TrainParams(**TINY)
    begun = tmp_path / "begun"
    trainer.train(PreparedSet(drawn), begun, base, resume=False, console=Console(quiet=True))
    rows = rows_file(tmp_path, {**A, "train": {"generator_lr": 1e-9}})
    assert command("--rows", rows, "--start", begun).code == 0
    # What learns next to nothing has the weights that it began with.
    first, then = (load_file(run / "generator.safetensors") for run in (begun, tmp_path / "ablation/runs/a"))
    learnt = [name for name in first if name.endswith((".weight", ".bias"))]
    apart = {name: float((first[name] - then[name]).abs().max()) for name in learnt}
    assert max(apart.values()) < 1e-6, apart
    static = rows_file(tmp_path, {"name": "b"}, {"name": "static", "train": {"temporal": False}})
    ended = command("--rows", static, "--start", begun)
    assert ended.code and "train.temporal is False" in ended.err


def test_what_users_get_wrong(command: Command, tmp_path: Path) -> None:
    wrong = rows_file(tmp_path, {"name": "a", "train": {"frame_wieght": 0}})
    ended = command("--rows", wrong)
    assert "unknown setting frame_wieght of the row 'a'" in ended.err
    assert "did you mean frame_weight?" in ended.err
    assert "the presets are compare, listen" in command("--preset", "none").err
    ended = command("--rows", rows_file(tmp_path, {"name": "a", "train": {"steps": "many"}}))
    assert "setting steps of the row 'a' is 'many'" in ended.err
    assert (
        "rows 'a' and 'b' would be the same" in command("--rows", rows_file(tmp_path, A, {"name": "b"})).err
    )
    assert "no clips in the split 'test'" in command("--split", "test").err
    assert "holds no trained lip reader" in command("--lipreader", tmp_path).err
    assert "holds no sync scorer" in command("--sync", tmp_path).err
    assert "none.yaml cannot be read" in command("--rows", "none.yaml").err
    # The option's former name.
    assert "none.yaml cannot be read" in command("--recipes", "none.yaml").err
    (tmp_path / "broken.yaml").write_text("rows: [1\n")
    assert "is not valid YAML at line" in command("--rows", tmp_path / "broken.yaml").err
    assert not (tmp_path / "ablation").exists()


@pytest.mark.slow
def test_related_work_from_one_budget(s2f: Command, tmp_path: Path) -> None:
    data = make_shards(tmp_path / "data", train=4, val=2, frames=36, per_shard=2)
    folder, changes = tmp_path / "related", settings(frames=16, steps=2, validate_every=2, save_every=2)
    ended = s2f("ablate", data, "--out", folder, "--rows", "related_work", "--workers", 1, *changes)
    assert ended.code == 0, ended.err
    judges = {
        "bmvc-2018": {"frame", "sequence"},
        "mocogan": {"frame", "volume"},
        "tgan": {"wasserstein"},
        "vgan": {"piece"},
    }
    for slug, names in judges.items():
        assert checkpoint.load_state(folder / "runs" / slug)["adversaries"].keys() == names
    written = json.loads((folder / "ablation.json").read_text())
    for row in written["rows"]:
        assert row["scores"]["psnr"]["clips"] == 2
        in_pieces = row["name"] in ("TGAN", "VGAN")
        assert (row["pieces"] is not None) == in_pieces
        if in_pieces:
            assert (row["pieces"]["frames"], row["pieces"]["common"]) == (16, 4)
            assert row["pieces"]["apart"]["clips"] == row["pieces"]["change"]["clips"] == 2
            assert row["pieces"]["apart"]["mean"] > 0
    text = (folder / "ablation.md").read_text()
    assert "**what pieces cost**" in text
    assert "| TGAN | 16 | 4 | 1.33 |" in text
    assert "TGAN and VGAN make a fixed number of frames at once" in text
    assert "what pieces cost" in ended.out
    before = fingerprint(folder / "runs")
    again = s2f("ablate", data, "--out", folder, "--rows", "related_work", "--workers", 1, *changes)
    assert again.out.count("has ended at step 2 already") == 4
    assert fingerprint(folder / "runs") == before
    for slug in ("mocogan", "tgan"):
        begun = s2f(
            "train", data, "--run", tmp_path / slug, "--start", folder / "runs" / slug,
            *settings(steps=1, frames=25 if slug == "tgan" else 16, sequence_weight=0, frame_weight=0),
        )  # fmt: skip
        assert begun.code == 0, begun.err
    refused = s2f(
        "ablate", data, "--out", tmp_path / "other", "--rows", "related_work",
        "--start", folder / "runs/tgan", *changes,
    )  # fmt: skip
    assert refused.code == 1
    assert "train.generator is mocogan, but" in refused.err


def test_seams_are_how_far_pieces_are_apart_where_they_overlap(tmp_path: Path) -> None:
    data = PreparedSet(make_shards(tmp_path / "data", train=1, val=2, frames=30))
    wanted = listed(data, "val")
    assert measure_seams(write_run(tmp_path / "mocogan", make_related("mocogan")), wanted, 0) is None
    one = measure_seams(write_run(tmp_path / "one", make_related("tgan", frames=32)), wanted, 0)
    assert one
    assert (one.frames, one.common, one.apart.clips, one.change.clips) == (32, 8, 0, 2)
    generator = make_related("tgan")
    two = measure_seams(write_run(tmp_path / "two", generator), wanted, 0)
    assert two
    assert two.apart.clips == 2
    # Frames that are grey whatever is said have no seams.
    generator.decoder.paint.weight.data.zero_()  # type: ignore[union-attr, operator]
    flat = measure_seams(write_run(tmp_path / "flat", generator), wanted, 0)
    assert flat
    assert flat.apart.mean == flat.change.mean == 0
