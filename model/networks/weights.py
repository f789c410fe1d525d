"""A trained network in a run folder: its weights as safetensors, and JSON that makes the network again.

RUN/generator.json         format, the generator's arguments, frame and sample rate
RUN/generator.safetensors  its newest weights
RUN/best.safetensors       its weights with the best L1 on the val split

A folder for the Hugging Face Hub is a run too: config.json and model.safetensors.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from s2f.model.networks.generators import AnyGenerator, build_generator
from s2f.pipeline.core.errors import CheckpointError
from s2f.pipeline.core.files import write_bytes

FORMAT = 1

DESCRIPTION = "generator.json"
NEWEST = "generator.safetensors"
BEST = "best.safetensors"


@dataclass(frozen=True)
class Talker:
    """A trained generator in eval mode, and the rates of the material that it was trained on."""

    generator: AnyGenerator
    fps: Fraction
    sample_rate: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its faces, in px."""
        height, width = self.generator.size
        return width, height


@dataclass(frozen=True)
class Kind:
    """A kind of network that a run folder may hold: its name, the command that trains it, its two files."""

    name: str
    command: str
    description: str
    weights: str


# The name of the weights that come with the package, in place of a run folder.
PRETRAINED = Path("pretrained")


def located(run: Path, kind: Kind) -> Path:
    """The folder of a run, or of the package's own weights for the name `pretrained`."""
    own = Path(__file__).parents[1] / PRETRAINED / Path(kind.description).stem
    return own if run == PRETRAINED and not run.exists() else run


GENERATOR = Kind("trained model", "s2f train", DESCRIPTION, NEWEST)
# The same under the names that the Hugging Face Hub knows.
HUB = Kind("trained model", "s2f train", "config.json", "model.safetensors")

Made = TypeVar("Made")


def describe(run: Path, generator: AnyGenerator, fps: Fraction, sample_rate: int) -> None:
    """Write what is needed to make the generator again."""
    rest = {"fps": str(fps), "sample_rate": sample_rate, "size": list(generator.size[::-1])}
    write_description(run / DESCRIPTION, generator.arguments, **rest)


def write_description(path: Path, arguments: dict[str, Any], **rest: Any) -> None:
    """Write what is needed to make a network again: its constructor's arguments, and more."""
    content = {"format": FORMAT, "arguments": arguments, **rest}
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def save_weights(path: Path, network: nn.Module) -> None:
    """Write a network's weights as safetensors."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(path, save(tensors))


def files_of(run: Path) -> Kind:
    """Which files of a folder hold its best generator, or its newest where none was validated."""
    if (run / HUB.description).exists() and not (run / DESCRIPTION).exists():
        return HUB
    return replace(GENERATOR, weights=BEST) if (run / BEST).exists() else GENERATOR


def load_talker(run: Path, device: torch.device) -> Talker:
    """The best generator of a run, or its newest where none was validated."""
    run = located(run, GENERATOR)
    kind = files_of(run)

    def make(content: dict[str, Any]) -> tuple[AnyGenerator, Talker]:
        generator = build_generator(content["arguments"])
        return generator, Talker(generator, Fraction(content["fps"]), int(content["sample_rate"]))

    return load(run, kind, device, make)


def load(
    run: Path,
    kind: Kind,
    device: torch.device,
    make: Callable[[dict[str, Any]], tuple[nn.Module, Made]],
) -> Made:
    """What `make` makes of a description, around a network that gets its weights and is in eval mode.

    Raises CheckpointError where there is none, or it is damaged.
    """
    run = located(run, kind)
    description, weights = run / kind.description, run / kind.weights
    try:
        content = json.loads(description.read_text())
        version = content["format"]
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{run} holds no {kind.name}: there is no {kind.description}",
            f"give the --run folder of '{kind.command}'",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(description, error) from error
    if version != FORMAT:
        raise CheckpointError(
            f"{description} has format {version}, this s2f reads format {FORMAT}",
            "use the s2f that trained it, or train anew",
        )
    try:
        network, made = make(content)
        network.load_state_dict(load_file(weights))
        network.to(device).eval()
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{run} holds no weights yet: there is no {kind.weights}",
            "wait for the first checkpoint, or train again",
        ) from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise damaged(weights, error) from error
    return made


def damaged(path: Path, error: Exception) -> CheckpointError:
    """The error of a file that cannot be read, with the first line of what its reader said."""
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return CheckpointError(
        f"{path} is damaged: {reason[0]}", "use a copy of it, or train again in a new folder"
    )
