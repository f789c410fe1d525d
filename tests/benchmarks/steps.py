"""Trains step by step, as it is told on standard input, at the settings of the preset `small`.

It runs with the present packages and with those of an earlier commit, which had other names for them. An
order is a line of JSON: {"seed": 0, "threads": 1} begins a training, {} takes its next step.
"""

import dataclasses
import importlib.util
import json
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.nn import functional

RATE = 16_000


def named(name: str, *modules: str) -> Any:
    """What has this name in the first of these modules that there is."""
    for module in modules[:-1]:
        try:
            return getattr(importlib.import_module(f"s2f.model.{module}"), name)
        except ModuleNotFoundError:
            continue
    return getattr(importlib.import_module(f"s2f.model.{modules[-1]}"), name)


# Settings of the preset that came later.
LATER = ("sequence_halves",)


def settings(preset: Path, known: Collection[str]) -> dict[str, Any]:
    """The settings of a preset that are known, with the names of rates that both understand."""
    train = yaml.safe_load(preset.read_text(encoding="utf-8"))["train"]
    later = {name for name in LATER if name not in known}
    return {name.replace("_lr", "_rate"): value for name, value in train.items() if name not in later}


def drawn(clips: int, frames: int, window: int, number: int) -> Any:
    """A batch of a noise that is smooth, as pictures are."""
    source = torch.Generator().manual_seed(number)
    coarse = torch.rand(clips * frames, 3, 16, 12, generator=source) * 2 - 1
    moving = functional.interpolate(coarse, (128, 96), mode="bilinear").unflatten(0, (clips, frames))
    # Frames of a clip hardly differ.
    pictures = 0.8 * moving[:, :1] + 0.2 * moving
    sound = 0.2 * torch.randn(clips, frames, window, generator=source)
    batch = named("Batch", "data.loader", "data")
    names = {field.name for field in dataclasses.fields(batch)}
    parts = (tuple(map(str, range(clips))), pictures[:, 0].contiguous(), pictures, sound)
    return batch(*parts, torch.zeros(clips, frames, 0)) if "motion" in names else batch(*parts)


def main() -> None:
    make = named("TrainParams", "training.config", "config")
    params = make(**settings(Path(sys.argv[1]), make.model_fields))
    alone = named("Distributed", "training.distributed") if is_present() else named("Ranks", "ranks")
    new_state = named("new_state", "training.state", "state")
    train_step = named("train_step", "training.step", "trainer")
    window = round(params.window_seconds * RATE)
    if is_present():
        # As the loop does before its first step.
        named("keep_memory", "networks.device")()
    state: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        if order:
            torch.set_num_threads(order["threads"])
            seeded = params.model_copy(update={"seed": order["seed"]})
            state = new_state(seeded, RATE, alone(torch.device("cpu")))
            answer: dict[str, Any] = {"frames": params.batch * params.frames}
        else:
            batch = drawn(params.batch, params.frames, window, state.step)
            begun = time.perf_counter()
            losses = train_step(state, batch)
            answer = {"seconds": time.perf_counter() - begun, "losses": losses}
        print(json.dumps(answer), flush=True)


def is_present() -> bool:
    """Whether the packages are those of today."""
    return importlib.util.find_spec("s2f.model.training") is not None


if __name__ == "__main__":
    main()
