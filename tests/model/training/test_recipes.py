"""The two recipes and the comparisons of the papers: each is one setting, and trains on the same shards."""

import io
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError
from rich.console import Console
from support.model_shards import make_shards
from torch import nn

from s2f.model.data.loader import Batch, TrainBatches
from s2f.model.networks import weights
from s2f.model.networks.discriminators import DISCRIMINATORS
from s2f.model.networks.discriminators.sequence import SequenceDiscriminator
from s2f.model.networks.discriminators.video import VideoDiscriminator
from s2f.model.networks.generators import speak_on
from s2f.model.networks.noise import NoiseSource
from s2f.model.training.config import RECIPES, TrainParams
from s2f.model.training.distributed import Distributed
from s2f.model.training.state import State, new_state
from s2f.model.training.step import shifted, train_step
from s2f.model.training.trainer import train
from s2f.pipeline.app import config
from s2f.pipeline.core.errors import CheckpointError, ConfigError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.prep.settings import save

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
REPOSITORY = Path(__file__).parents[3]

# The papers' figures, and who judges, as docs/training.md has them.
FIGURES = {
    "bmvc2018": {
        "window_seconds": 0.16,
        "identity": 50,
        "context": 256,
        "noise": 10,
        "l1_weight": 400,
        "frame_weight": 1,
        "sequence": "audiovisual",
        "sequence_weight": 1,
        "sync_weight": 0,
        "volume_weight": 0,
        "generator_lr": 2e-4,
        "frame_lr": 1e-3,
        "sequence_lr": 5e-5,
        "decay_after": 20,
    },
    "ijcv2019": {
        "window_seconds": 0.2,
        "identity": 128,
        "context": 256,
        "noise": 10,
        "noise_std": 0.33,
        "l1_weight": 600,
        "frame_weight": 1,
        "sequence": "video",
        "sequence_weight": 0.2,
        "sync_weight": 0.8,
        "volume_weight": 0,
        "generator_lr": 1e-4,
        "frame_lr": 1e-4,
        "sequence_lr": 1e-5,
        "sync_lr": 1e-5,
        "decay": 1,
    },
}

# A critic of related work judges alone.
ALONE = {"frame_weight": 0.0, "sequence_weight": 0.0}

# Settings, the generator's terms beside those of the adversaries, and the adversaries.
COMPARISONS: dict[str, tuple[dict[str, Any], set[str], set[str]]] = {
    "bmvc2018": ({}, {"l1"}, {"frame", "sequence"}),
    "ijcv2019": ({"recipe": "ijcv2019"}, {"l1"}, {"frame", "sequence", "sync"}),
    "L1 only": ({"frame_weight": 0.0, "sequence_weight": 0.0}, {"l1"}, set()),
    "L1 and frame": ({"sequence_weight": 0.0}, {"l1"}, {"frame"}),
    "without noise": ({"noise": 0}, {"l1"}, {"frame", "sequence"}),
    "static": ({"temporal": False}, {"l1"}, {"frame", "sequence"}),
    "3-D critic": (
        {"sequence_weight": 0.0, "volume_weight": 1.0, "frames": 13},
        {"l1"},
        {"frame", "volume"},
    ),
    "without sync": ({"recipe": "ijcv2019", "sync_weight": 0.0}, {"l1"}, {"frame", "sequence"}),
    "MoCoGAN": (
        {"generator": "mocogan", "sequence_weight": 0.0, "volume_weight": 1.0, "frames": 13},
        {"l1"},
        {"frame", "volume"},
    ),
    "VGAN": (
        {**ALONE, "generator": "vgan", "piece_weight": 1.0, "frames": 16},
        {"l1"},
        {"piece"},
    ),
    "all at once": (
        {
            "recipe": "ijcv2019",
            "volume_weight": 0.1,
            "upper_weight": 1.0,
            "temporal": False,
            "noise": 0,
            "frames": 13,
        },
        {"l1", "l1_upper"},
        {"frame", "sequence", "sync", "volume"},
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards whose windows are noted as 0.16 s long, for all trainings here."""
    return make_shards(tmp_path_factory.mktemp("data"), train=4, val=1, frames=18)


def small(**changes: object) -> TrainParams:
    tiny = {"width": 4, "batch": 2, "frames": 6, "sync_frames": 3, "judged_frames": 2, "workers": 0}
    short = {"steps": 1, "validation_frames": 2, "device": "cpu"}
    return TrainParams.model_validate({**tiny, **short, **changes})


def first_batch(data: Path, params: TrainParams) -> Batch:
    return next(TrainBatches(PreparedSet(data).split_or_empty("train"), params, CPU).start(0))


def start(data: Path, run: Path, params: TrainParams, *, resume: bool = False) -> dict[str, float]:
    return train(PreparedSet(data), run, params, resume=resume, console=Console(file=io.StringIO()))


def kinds(state: State) -> dict[str, type[nn.Module]]:
    return {name: type(adversary.module) for name, adversary in state.adversaries.items()}


@pytest.mark.parametrize("recipe", FIGURES)
def test_a_recipe_has_the_figures_of_its_paper(recipe: str) -> None:
    params = TrainParams.model_validate({"recipe": recipe}).model_dump()
    assert {name: params[name] for name in FIGURES[recipe]} == FIGURES[recipe]


def test_the_first_recipe_is_the_default() -> None:
    assert TrainParams() == TrainParams.model_validate({"recipe": "bmvc2018"})


def test_both_recipes_decide_the_same_settings_and_stages_yaml_leaves_those_open() -> None:
    decided, *others = (recipe.keys() for recipe in RECIPES.values())
    assert all(other == decided for other in others)
    stated = yaml.safe_load(config.render())["train"]
    assert {name for name, value in stated.items() if value is None} == decided | {"cache"}
    for name in decided:
        description = TrainParams.model_fields[name].description or ""
        assert all(str(recipe[name]) in description for recipe in RECIPES.values())


@pytest.mark.parametrize("file", [None, REPOSITORY / "stages.yaml"])
def test_one_setting_gives_the_whole_second_recipe(
    file: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    params = config.load(file, ["train.recipe=ijcv2019"]).train
    assert params == TrainParams.model_validate({"recipe": "ijcv2019"})
    assert params.sync_weight == 0.8


def test_what_the_user_gives_overrules_the_recipe() -> None:
    given = ["train.recipe=ijcv2019", "train.identity=50", "train.sync_weight=0", "train.frame_lr=null"]
    params = config.load(REPOSITORY / "stages.yaml", given).train
    assert (params.identity, params.sync_weight, params.frame_lr) == (50, 0, 1e-4)


def test_what_is_saved_has_the_values_and_gives_the_same_settings(tmp_path: Path) -> None:
    settings = config.load(REPOSITORY / "stages.yaml", ["train.recipe=ijcv2019"])
    save(settings, tmp_path / "saved.yaml")
    saved = yaml.safe_load((tmp_path / "saved.yaml").read_text())["train"]
    assert {name: saved[name] for name in FIGURES["ijcv2019"]} == FIGURES["ijcv2019"]
    assert config.load(tmp_path / "saved.yaml", []) == settings


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["train.recipe=bmvc"], "setting train.recipe"),
        (["train.recipe=[ijcv2019]"], "setting train.recipe"),
        (["train.recipe=null"], "setting train.recipe"),
        (["train.identity=many"], "setting train.identity"),
        (["train.sequence=audio"], "setting train.sequence"),
        (["train.noise=-1"], "setting train.noise"),
        (["train.recipe=ijcv2019", "train.frames=9"], "at least twice sync_frames"),
        (["train.volume_weight=1", "train.frames=12"], "at least 13"),
        (["train.piece_weight=1", "train.frames=20"], "a multiple of 16 for the critic of piece_weight"),
        (["train.generator=tgan"], "a multiple of 16 for the generator of TGAN"),
        (["train.generator=mocogan", "train.blend=true"], "blend must be false for the generator of MoCoGAN"),
        (["train.generator=vgan", "train.frames=32", "train.temporal=false"], "temporal must be true"),
        (["train.generator=gan"], "setting train.generator"),
        (["train.generator=vgan", "train.frames=16", "train.batch=1"], "batch must be at least 2"),
        (["train.l1_weight=0", "train.frame_weight=0", "train.sequence_weight=0"], "cannot all be 0"),
    ],
)
def test_settings_that_cannot_be_are_named(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        config.load(REPOSITORY / "stages.yaml", overrides)
    assert len(caught.value.message) < 200


def test_without_reconstruction_any_adversary_is_something_to_learn() -> None:
    silent = {"l1_weight": 0.0, "frame_weight": 0.0, "sequence_weight": 0.0}
    assert TrainParams.model_validate({**silent, "sync_weight": 1.0}).sync_weight == 1
    with pytest.raises(ValidationError):
        TrainParams.model_validate({**silent, "upper_weight": 1.0})


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_is_a_setting_and_trains(data: Path, name: str) -> None:
    changes, terms, adversaries = COMPARISONS[name]
    params = small(**changes)
    state = new_state(params, 16_000, Distributed(CPU))
    assert state.adversaries.keys() == adversaries
    trained = {"generator": state.generator} | {
        judge: adversary.module for judge, adversary in state.adversaries.items()
    }
    before = {part: weights_of(network) for part, network in trained.items()}
    losses = train_step(state, first_batch(data, params))
    assert losses.keys() == (
        {f"generator/{term}" for term in terms | adversaries}
        | {f"discriminator/{judge}" for judge in adversaries}
    )
    assert all(map(math.isfinite, losses.values()))
    for part, network in trained.items():
        moved = max(
            (new - old).abs().max().item() for new, old in zip(weights_of(network), before[part], strict=True)
        )
        rate = params.generator_lr if part == "generator" else state.adversaries[part].lr
        # Adam's first step is as long as the rate: each network has learnt once, at its own rate.
        assert moved == pytest.approx(rate, rel=0.05)


def weights_of(network: nn.Module) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def test_the_recipes_train_on_the_same_shards_with_windows_of_their_own(data: Path, tmp_path: Path) -> None:
    for recipe, window in (("bmvc2018", 2560), ("ijcv2019", 3200)):
        params = small(recipe=recipe)
        assert first_batch(data, params).windows.shape == (2, 6, window)
        scores = start(data, tmp_path / recipe, params)
        assert scores["step"] == 1
        assert math.isfinite(scores["val/l1"])
        talker = weights.load_talker(tmp_path / recipe, CPU)
        assert talker.generator.arguments["window"] == window
        saved = yaml.safe_load((tmp_path / recipe / "train.yaml").read_text())
        assert saved == params.model_dump()
        assert saved["window_seconds"] == FIGURES[recipe]["window_seconds"]


def test_the_recipes_differ_in_their_sequence_discriminator() -> None:
    def judge(**changes: str) -> type[nn.Module]:
        return kinds(new_state(small(**changes), 16_000, Distributed(CPU)))["sequence"]

    assert judge() is SequenceDiscriminator
    assert judge(recipe="ijcv2019") is VideoDiscriminator
    assert judge(sequence="video") is VideoDiscriminator


def rates(state: State, epoch: int) -> dict[str, float]:
    """The learning rates that the optimizers have in an epoch."""
    state.set_lr(epoch)
    found = {name: adversary.optimizer for name, adversary in state.adversaries.items()}
    return {
        name: optimizer.param_groups[0]["lr"]
        for name, optimizer in {"generator": state.optimizer, **found}.items()
    }


def test_the_rates_of_generator_and_frame_discriminator_decay_in_the_first_recipe() -> None:
    state = new_state(small(sync_weight=0.5, volume_weight=0.5, frames=13), 16_000, Distributed(CPU))
    steady = {"sequence": 5e-5, "sync": 1e-5, "volume": 1e-5}
    for epoch in (0, 20):
        assert rates(state, epoch) == {"generator": 2e-4, "frame": 1e-3, **steady}
    assert rates(state, 22) == pytest.approx({"generator": 1.62e-4, "frame": 8.1e-4, **steady})


def test_no_rate_decays_in_the_second_recipe() -> None:
    state = new_state(small(recipe="ijcv2019"), 16_000, Distributed(CPU))
    assert rates(state, 0) == rates(state, 500)
    assert rates(state, 0) == {"generator": 1e-4, "frame": 1e-4, "sequence": 1e-5, "sync": 1e-5}


def test_mismatched_sound_is_of_another_time_in_the_same_clip() -> None:
    source = torch.Generator().manual_seed(0)
    clips, frames, least = 2, 8, 3
    numbers = (
        torch.arange(frames).expand(clips, frames)[:, :, None] + 100 * torch.arange(clips)[:, None, None]
    )
    distances = set()
    for _ in range(50):
        moved = shifted(numbers, least, source)
        assert torch.equal(moved // 100, numbers // 100)
        apart = (moved - numbers).abs()
        assert apart.min() >= least
        distances.update(apart.unique().tolist())
    assert distances == {3, 4, 5}
    assert torch.equal(shifted(numbers, 4, source)[:, 0], numbers[:, 4])


@pytest.mark.slow
def test_the_sync_discriminator_learns_to_tell_matched_from_mismatched_and_generated(data: Path) -> None:
    params = small(recipe="ijcv2019", batch=4, frames=12, frame_weight=0.0, sequence_weight=0.0, sync_lr=3e-3)
    state = new_state(params, 16_000, Distributed(CPU))
    batch = first_batch(data, params)
    losses = [train_step(state, batch)["discriminator/sync"] for _ in range(40)]
    assert max(losses[-3:]) < 0.9 * 2 * math.log(2)  # which is what knowing nothing costs
    judge = state.adversaries["sync"].module
    elsewhere = shifted(batch.windows, 3, state.source)
    with torch.inference_mode():
        generated = state.generator(batch.still, batch.windows, torch.zeros(4, 12, 10))
        matched = judge(batch.still, batch.frames, batch.windows).mean()
        assert matched > judge(batch.still, batch.frames, elsewhere).mean() + 0.1
        assert matched > judge(batch.still, generated, batch.windows).mean() + 0.1


def test_a_run_from_before_the_second_recipe_goes_on(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start(data, run, small(sync_frames=5))
    saved = yaml.safe_load((run / "train.yaml").read_text())
    for name in ("temporal", "sequence", "sync_weight", "sync_frames", "sync_lr", "volume_weight"):
        del saved[name]
    (run / "train.yaml").write_text(yaml.safe_dump(saved))
    assert start(data, run, small(sync_frames=5, steps=2), resume=True)["step"] == 2
    with pytest.raises(CheckpointError, match="recipe was bmvc2018, is ijcv2019"):
        start(data, run, small(recipe="ijcv2019"), resume=True)


def test_settings_of_a_run_that_cannot_be_used_are_named(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start(data, run, small())
    for content in ("5\n", "recipe: another\n", "width: [\n"):
        (run / "train.yaml").write_text(content)
        with pytest.raises(CheckpointError, match=r"train\.yaml cannot be read"):
            start(data, run, small(steps=2), resume=True)


def test_the_wasserstein_critic_learns_and_no_singular_value_is_above_one_after_the_step(data: Path) -> None:
    params = small(**ALONE, generator="tgan", wasserstein_weight=1.0, wasserstein_lr=0.01, frames=16)
    state = new_state(params, 16_000, Distributed(CPU))
    assert state.adversaries.keys() == {"wasserstein"}
    critic = state.adversaries["wasserstein"].module
    before, generator = weights_of(critic), weights_of(state.generator)
    for _ in range(3):
        losses = train_step(state, first_batch(data, params))
        assert losses.keys() == {"generator/l1", "generator/wasserstein", "discriminator/wasserstein"}
        assert all(map(math.isfinite, losses.values()))
        for layer in critic.modules():
            if isinstance(layer, nn.Conv3d):
                assert torch.linalg.svdvals(layer.weight.flatten(1))[0] <= 1 + 1e-5
    # Its steps are as long as they would be without clipping.
    assert max((new - old).abs().max() for new, old in zip(weights_of(critic), before, strict=True)) > 0.01
    assert any(
        not torch.equal(new, old) for new, old in zip(weights_of(state.generator), generator, strict=True)
    )
    # It gives more to the real than to the generated: its loss, not the generator's, is the distance.
    assert losses["discriminator/wasserstein"] < 0


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": 0},
        {"temporal": False},
        {"recipe": "ijcv2019"},
        {"generator": "mocogan"},
        {"generator": "tgan", "frames": 16},
        {"generator": "vgan", "frames": 16, "noise": 0},
    ],
)
def test_a_trained_variant_loads_and_speaks(data: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    params = small(frame_weight=0.0, sequence_weight=0.0, **changes)
    start(data, tmp_path / "run", params)
    generator = weights.load_talker(tmp_path / "run", CPU).generator
    batch = first_batch(data, params)
    noise = NoiseSource(generator, torch.Generator().manual_seed(0)).draw(2, params.frames)
    with torch.inference_mode():
        frames = torch.cat(
            list(speak_on(generator, generator.identity(batch.still), [(batch.windows, noise)])), dim=1
        )
    assert frames.shape == batch.frames.shape


def test_old_names_of_settings_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.yaml").write_text("train: {generator_rate: 0.5}\nlipread: {rate: 0.25}\n")
    settings = config.load(tmp_path / "old.yaml", ["train.volume_rate=0.125"])
    assert (settings.train.generator_lr, settings.train.volume_lr) == (0.5, 0.125)
    assert settings.lipread.lr == 0.25
    assert "generator_rate is now generator_lr" in caplog.text
    # An old name on the command line overrules today's name in a file.
    assert config.load(REPOSITORY / "stages.yaml", ["train.frame_rate=0.5"]).train.frame_lr == 0.5


def test_a_run_with_old_names_in_its_settings_goes_on(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start(data, run, small())
    saved = yaml.safe_load((run / "train.yaml").read_text())
    old = {name.replace("_lr", "_rate"): value for name, value in saved.items()}
    assert "frame_rate" in old
    (run / "train.yaml").write_text(yaml.safe_dump(old))
    (run / "run.json").unlink()
    assert start(data, run, small(steps=2), resume=True)["step"] == 2
    assert "frame_lr" in yaml.safe_load((run / "train.yaml").read_text())


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_docs_know_every_discriminator(name: str) -> None:
    text = (REPOSITORY / "docs/training.md").read_text(encoding="utf-8")
    assert f"| {DISCRIMINATORS[name].title.partition(',')[0]}" in text
