"""A training that begins with the weights of another one: the same network, other data or settings."""

from pathlib import Path
from typing import Any

import torch

from s2f.model.networks.related import PAPERS
from s2f.model.networks.weights import Talker, load_talker
from s2f.model.training import checkpoint
from s2f.model.training.config import TrainParams
from s2f.model.training.state import State
from s2f.pipeline.core.errors import CheckpointError, ConfigError
from s2f.pipeline.core.params import checked
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.windows import window_size


def with_network_of(start: Path, params: TrainParams, data: PreparedSet) -> TrainParams:
    """The settings, with the network of the run `start`.

    Raises CheckpointError where the run cannot be used for the data, ConfigError where the settings ask for
    another network.
    """
    talker = load_talker(start, torch.device("cpu"))
    _check_rates(start, talker, data)
    default = type(params)(recipe=params.recipe)
    network = {"generator": PAPERS, **talker.generator.arguments}
    del network["size"]
    network["window_seconds"] = network.pop("window") / network.pop("sample_rate")
    # How much is left out in training is not a matter of the network.
    del network["dropout"]
    for name, value in network.items():
        if getattr(params, name) not in (value, getattr(default, name)) and not _same_window(
            name, params, talker
        ):
            raise ConfigError(
                f"train.{name} is {getattr(params, name)}, but {start} has {value}",
                "leave it out: the network that a training starts with stays what it is",
            )
    copy = params.model_copy(update=network)
    return checked(type(params), copy.model_dump(), f" with the network of {start}", "leave it out")


def begin_from(start: Path, state: State) -> list[str]:
    """Give a new state the weights of a run; returns the names of the adversaries that have them too.

    Raises CheckpointError where there is no such run.
    """
    weights = load_talker(start, state.device).generator.state_dict()
    state.generator.load_state_dict(weights)
    if state.mean:
        state.mean.load_state_dict(weights)
    saved = checkpoint.load_state(start) if (start / checkpoint.STATE).exists() else {}
    if state.lips and "lips" in saved:
        _load_fitting(state.lips, saved["lips"])
    known = saved.get("adversaries", {})
    return [
        name
        for name, adversary in state.adversaries.items()
        if name in known and _load_fitting(adversary.module, known[name]["module"])
    ]


def _load_fitting(module: torch.nn.Module, saved: dict[str, Any]) -> bool:
    """Load weights that have the module's shapes; else leave it as it is."""
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
    if shapes != {name: tensor.shape for name, tensor in saved.items()}:
        return False
    module.load_state_dict(saved)
    return True


def _same_window(name: str, params: TrainParams, talker: Talker) -> bool:
    """Whether a length in seconds stands for the same number of samples."""
    size = window_size(params.window_seconds, talker.sample_rate)
    return name == "window_seconds" and size == talker.generator.arguments["window"]


def _check_rates(start: Path, talker: Talker, data: PreparedSet) -> None:
    media = data.media
    if (talker.fps, talker.sample_rate) != (media.fps, media.sample_rate):
        raise CheckpointError(
            f"{start} was trained at {talker.fps} frames/s and {talker.sample_rate} Hz,"
            f" {data} has {media.fps} frames/s and {media.sample_rate} Hz",
            "prepare the videos at its rates: detect.fps and resample.sample_rate",
        )
    if talker.generator.size != data.size:
        raise CheckpointError(
            f"{start} was trained on faces of {_px(talker.generator.size)}, {data} has {_px(data.size)}",
            "prepare the videos with align.size=[{},{}]".format(*talker.size),
        )


def _px(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]} px"
