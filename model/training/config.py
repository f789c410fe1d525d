"""The settings of a training run: the `train` block of stages.yaml.

Only pydantic is imported here, so that the command line stays quick.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, create_model, model_validator

from s2f.model.data.config import LoaderParams
from s2f.model.networks.discriminators import DISCRIMINATORS, Discriminator
from s2f.model.networks.related import PAPERS, RELATED, TIMES
from s2f.pipeline.core.params import Params, RenamedParams

# The two papers, in the settings in which they differ. docs/training.md tells which of these are not
# published, and which are only recalled.
RECIPES: dict[str, dict[str, float | str]] = {
    "bmvc2018": {
        "window_seconds": 0.16,
        "identity": 50,
        "noise_std": 1.0,
        "l1_weight": 400.0,
        "sequence": "audiovisual",
        "sequence_weight": 1.0,
        "sync_weight": 0.0,
        "generator_lr": 2e-4,
        "frame_lr": 1e-3,
        "sequence_lr": 5e-5,
        "decay": 0.9,
    },
    "ijcv2019": {
        "window_seconds": 0.2,
        "identity": 128,
        "noise_std": 0.33,
        "l1_weight": 600.0,
        "sequence": "video",
        "sequence_weight": 0.2,
        "sync_weight": 0.8,
        "generator_lr": 1e-4,
        "frame_lr": 1e-4,
        "sequence_lr": 1e-5,
        "decay": 1.0,
    },
}

# What the generators of the related work do not have, and its value where it is not asked for.
LACKING = {"temporal": True, "blinks": False, "blend": False}

Block = TypeVar("Block", bound=Params)


def _decided(name: str, description: str, **limits: Any) -> Any:
    """A setting that the recipe decides, unless it is given: it is null in stages.yaml."""
    values = " or ".join(str(recipe[name]) for recipe in RECIPES.values())
    return Field(None, description=f"{description}; null = the recipe's: {values}", **limits)


def _setting(name: str, default: float | None, description: str, **limits: Any) -> Any:
    if default is None:
        return _decided(name, description, **limits)
    return Field(default, description=description, **limits)


def with_discriminators(block: type[Block], discriminators: Iterable[Discriminator]) -> type[Block]:
    """The block with NAME_weight and NAME_lr of each of these discriminators."""
    fields: dict[str, Any] = {}
    for each in discriminators:
        weight, lr = f"{each.name}_weight", f"{each.name}_lr"
        words = f"weight of the {each.title}: {each.judges}"
        fields[weight] = (float, _setting(weight, each.weight, words, ge=0))
        fields[lr] = (float, _setting(lr, each.lr, f"learning rate of the {each.title}", gt=0, le=1))
    return create_model(block.__name__, __base__=block, __module__=block.__module__, **fields)


class SystemParams(Params):
    """The generator: all settings but the recipe are its arguments."""

    recipe: Literal["bmvc2018", "ijcv2019"] = Field("bmvc2018", description="the paper whose system is built")
    generator: Literal["papers", "mocogan", "tgan", "vgan"] = Field(
        "papers", description="papers = that of both papers; else that of related work, for comparison"
    )
    width: int = Field(64, ge=4, le=256, description="channels of the first layer; 64 is the paper's")
    identity: int = _decided("identity", "size of the identity code", ge=1, le=1024)
    context: int = Field(256, ge=1, le=1024, description="size of the context code, what is being said")
    noise: int = Field(10, ge=0, le=256, description="size of the noise code; 0 = no noise generator")
    noise_std: float = _decided("noise_std", "standard deviation of the noise", ge=0, le=10)
    companded: bool = Field(False, description="sound made flatter, heard by a filter bank; for small sets")
    sound: Literal["raw", "log_mel"] = Field(
        "raw", description="what the generator hears: the waveform, or how loud each band of pitches is"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of what it hears that is left out in training")
    blinks: bool = Field(False, description="eyes close when they are told to; when, is drawn at random")
    blend: bool = Field(False, description="what the generator paints is blended with the still by a mask")
    temporal: bool = Field(True, description="false = the static baseline: a generator without recurrence")


class ObjectiveParams(Params):
    """The terms of the objective; those of the discriminators come from their table."""

    l1_weight: float = _decided("l1_weight", "weight of the L1 term on the lower half", ge=0)
    upper_weight: float = Field(0.0, ge=0, description="weight of L1 on the upper half; the papers have none")
    l1_mouth_weight: float = Field(0.0, ge=0, description="weight of L1 on the mouth; the papers have none")
    l1_eyes_weight: float = Field(0.0, ge=0, description="weight of L1 on closed eyes; the papers have none")
    lips_weight: float = Field(
        0.0, ge=0, description="weight of the lips' points told from the sound; the papers have none"
    )
    listen_steps: int = Field(0, ge=0, description="first so many steps learn the lips' points alone")
    freeze_sound: bool = Field(False, description="what hears the sound stays as it is")
    sound_decay: float = Field(0.0, ge=0, description="weight decay of what hears the sound")
    generator_lr: float = _decided("generator_lr", "learning rate of the generator", gt=0, le=1)
    judged_frames: int = Field(
        4, ge=1, le=1000, description="frames per clip that the frame discriminator sees"
    )
    sequence: Literal["audiovisual", "video"] = _decided("sequence", "what the sequence discriminator judges")
    sequence_halves: bool = Field(
        False, description="it sees, hears and remembers half as finely, and is faster"
    )
    sync_frames: int = Field(
        5, ge=1, le=100, description="frames of the snippets of the synchronisation discriminator"
    )


if TYPE_CHECKING:
    JudgedParams = ObjectiveParams
else:
    JudgedParams = with_discriminators(ObjectiveParams, DISCRIMINATORS.values())


class TrainParams(JudgedParams, LoaderParams, SystemParams, RenamedParams):
    """What is trained, on how much, for how long. The defaults are of the paper's size.

    A setting that is absent or None is filled in as the recipe says, so that what the code sees, and
    what is written beside a run, is always a value. A weight of 0 leaves its term out, and the network of
    a discriminator with it: `frame_weight: 0` and `sequence_weight: 0` is the paper's "L1 only".
    """

    RENAMED: ClassVar = {f"{name}_rate": f"{name}_lr" for name in ("generator", *DISCRIMINATORS)}
    # What may change when a run goes on: neither batches nor losses of a step depend on it.
    FREE: ClassVar = ("steps", "patience", "save_every", "log_every", "max_unreadable", "cache")

    window_seconds: float = _decided("window_seconds", "sound per frame, in seconds", ge=0.02, le=1.0)

    ema: float = Field(0.0, ge=0, lt=1, description="the generator kept is a mean over steps; 0.999 or so")
    schedule: Literal["decay", "cosine"] = Field(
        "decay", description="by epochs, or down to 0 over all steps"
    )
    decay_after: int = Field(20, ge=0, description="epochs before generator_lr and frame_lr decay")
    decay: float = _decided("decay", "what they are multiplied by in every epoch after that", gt=0, le=1)

    steps: int = Field(200_000, ge=1, description="batches to train on, all in all")
    validate_every: int = Field(1000, ge=1, description="steps between validations")
    validation_clips: int = Field(32, ge=1, description="how many clips to validate on, the first of val")
    validation_frames: int = Field(100, ge=2, description="how much of such a clip is used, in frames")
    patience: int = Field(10, ge=0, description="end after so many epochs with no better L1; 0 = never")
    save_every: int = Field(1000, ge=1, description="steps between checkpoints")
    log_every: int = Field(10, ge=1, description="steps between the points of the loss curves")

    cache: str | None = Field(None, description="folder for shards from a URL; null = ~/.cache/s2f/shards")
    threads: int = Field(0, ge=0, le=256, description="threads of torch; 0 = its own choice")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto = bf16 on a GPU or processor that has it, else fp32"
    )
    compile: bool = Field(False, description="have torch compile the networks, for long trainings")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto = cuda if there is one")

    @property
    def network(self) -> dict[str, Any]:
        """The generator's arguments, but for those that follow from the data's sample rate."""
        given = self.model_dump(include={*SystemParams.model_fields} - {"recipe"})
        if self.generator == PAPERS:
            del given["generator"]
            return given
        pieces = {"frames": self.frames} if RELATED[self.generator].in_pieces else {}
        return {name: value for name, value in given.items() if name not in LACKING} | pieces

    @property
    def learns_lips(self) -> bool:
        """Whether the lips' points are told from the sound."""
        return bool(self.lips_weight or self.listen_steps)

    @property
    def pictures(self) -> bool:
        return self.listen_steps < self.steps

    @property
    def motion(self) -> bool:
        return self.learns_lips or self.blinks or bool(self.l1_eyes_weight)

    def weight(self, name: str) -> float:
        """The weight of a discriminator's term."""
        return float(getattr(self, f"{name}_weight"))

    def lr(self, name: str) -> float:
        """The learning rate of a discriminator, or of the generator."""
        return float(getattr(self, f"{name}_lr"))

    def frames_of(self, setting: str) -> int:
        """The frames that a setting of this name states; 0 for no name."""
        return int(getattr(self, setting)) if setting else 0

    @model_validator(mode="before")
    @classmethod
    def _ask_the_recipe(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        decided = RECIPES.get(str(data.get("recipe", cls.model_fields["recipe"].default)), {})
        return decided | {
            name: value
            for name, value in cls.renamed(data).items()
            if value is not None or name not in decided
        }

    @model_validator(mode="after")
    def _something_to_learn(self) -> Self:
        if not (self.l1_weight or any(map(self.weight, DISCRIMINATORS))):
            raise ValueError("l1_weight and the weights of all discriminators cannot all be 0")
        return self

    @model_validator(mode="after")
    def _fits_the_generator(self) -> Self:
        if self.generator == PAPERS:
            return self
        related = RELATED[self.generator]
        for name, value in LACKING.items():
            if getattr(self, name) != value:
                raise ValueError(f"{name} must be {str(value).lower()} for the generator of {related.title}")
        if related.in_pieces and self.frames % TIMES:
            raise ValueError(f"frames must be a multiple of {TIMES} for the generator of {related.title}")
        # The norms of its coarsest scale need two values.
        if related.in_pieces and self.batch * self.frames < 2 * TIMES:
            raise ValueError(f"batch must be at least 2 for pieces of {TIMES} frames")
        return self

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        for each in DISCRIMINATORS.values():
            if not self.weight(each.name):
                continue
            if self.frames < 2 * self.frames_of(each.mismatch):
                raise ValueError(
                    f"frames must be at least twice {each.mismatch}, to find another snippet to mismatch"
                )
            if self.frames < each.least_frames:
                raise ValueError(
                    f"frames must be at least {each.least_frames} for the critic of {each.name}_weight"
                )
            if self.frames % each.multiple:
                raise ValueError(
                    f"frames must be a multiple of {each.multiple} for the critic of {each.name}_weight"
                )
        return self
