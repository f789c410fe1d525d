"""The settings of a training run: the `train` block of stages.yaml.

Only pydantic is imported here, so that the command line stays quick.
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from s2f.pipeline.core.params import Params

# The two papers, in the settings in which they differ. What is not published, and what is only
# recalled from them, docs/training.md tells.
RECIPES: dict[str, dict[str, float | str]] = {
    "bmvc2018": {
        "window_seconds": 0.16,
        "identity": 50,
        "noise_std": 1.0,
        "l1_weight": 400.0,
        "sequence": "audiovisual",
        "sequence_weight": 1.0,
        "sync_weight": 0.0,
        "generator_rate": 2e-4,
        "frame_rate": 1e-3,
        "sequence_rate": 5e-5,
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
        "generator_rate": 1e-4,
        "frame_rate": 1e-4,
        "sequence_rate": 1e-5,
        "decay": 1.0,
    },
}

# So many frames does the volume discriminator's convolution see at a time.
VOLUME_FRAMES = 13


def _decided(name: str, description: str, **limits: Any) -> Any:
    """A setting that the recipe decides, unless it is given: it is null in stages.yaml."""
    values = " or ".join(str(recipe[name]) for recipe in RECIPES.values())
    return Field(None, description=f"{description}; null = the recipe's: {values}", **limits)


class TrainParams(Params):
    """What is trained, on how much, for how long. The defaults are of the paper's size.

    A setting that is absent or None is filled in as the recipe says, so that what the code sees, and
    what is written beside a run, is always a value. A weight of 0 leaves its term out, and an
    adversary's network with it: `frame_weight: 0` and `sequence_weight: 0` is the paper's "L1 only".
    """

    recipe: Literal["bmvc2018", "ijcv2019"] = Field("bmvc2018", description="the paper whose system is built")
    width: int = Field(64, ge=4, le=256, description="channels of the first layer; 64 is the paper's")
    window_seconds: float = _decided("window_seconds", "sound per frame, in seconds", ge=0.02, le=1.0)
    identity: int = _decided("identity", "size of the identity code", ge=1, le=1024)
    context: int = Field(256, ge=1, le=1024, description="size of the context code, what is being said")
    noise: int = Field(10, ge=0, le=256, description="size of the noise code; 0 = no noise generator")
    noise_std: float = _decided("noise_std", "standard deviation of the noise", ge=0, le=10)
    companded: bool = Field(False, description="sound made flatter, heard by a filter bank; for small sets")
    temporal: bool = Field(True, description="false = the static baseline: a generator without recurrence")

    steps: int = Field(200_000, ge=1, description="batches to train on, all in all")
    batch: int = Field(8, ge=1, le=1024, description="clips per batch")
    frames: int = Field(25, ge=2, le=1000, description="length in frames of what is cut from each clip")
    judged_frames: int = Field(
        4, ge=1, le=1000, description="frames per clip that the frame discriminator sees"
    )
    mirror: bool = Field(True, description="mirror half of the clips")
    still: Literal["first", "any"] = Field("first", description="which frame of a clip is its still")
    augment_sound: bool = Field(False, description="sound of another colour and loudness; for small sets")
    augment_pictures: bool = Field(False, description="move and light clips otherwise; for small sets")
    shuffle: int = Field(128, ge=1, le=100_000, description="clips held in memory to be shuffled, per worker")

    l1_weight: float = _decided("l1_weight", "weight of the L1 term on the lower half", ge=0)
    upper_weight: float = Field(0.0, ge=0, description="weight of L1 on the upper half; the papers have none")
    frame_weight: float = Field(1.0, ge=0, description="weight of the frame discriminator's term")
    sequence: Literal["audiovisual", "video"] = _decided("sequence", "what the sequence discriminator judges")
    sequence_weight: float = _decided("sequence_weight", "weight of the sequence discriminator's term", ge=0)
    sync_weight: float = _decided("sync_weight", "weight of the synchronisation discriminator's term", ge=0)
    sync_frames: int = Field(5, ge=1, le=100, description="frames of the snippets that it judges")
    volume_weight: float = Field(0.0, ge=0, description="weight of a 3-D convolutional critic as in MoCoGAN")
    generator_rate: float = _decided("generator_rate", "learning rate of the generator", gt=0, le=1)
    frame_rate: float = _decided("frame_rate", "learning rate of the frame discriminator", gt=0, le=1)
    sequence_rate: float = _decided("sequence_rate", "of the sequence discriminator", gt=0, le=1)
    ema: float = Field(0.0, ge=0, lt=1, description="the generator kept is a mean over steps; 0.999 or so")
    sync_rate: float = Field(1e-5, gt=0, le=1, description="of the synchronisation discriminator")
    volume_rate: float = Field(1e-5, gt=0, le=1, description="of the 3-D convolutional critic")
    schedule: Literal["decay", "cosine"] = Field(
        "decay", description="by epochs, or down to 0 over all steps"
    )
    decay_after: int = Field(20, ge=0, description="epochs before the first two learning rates decay")
    decay: float = _decided("decay", "what they are multiplied by in every epoch after that", gt=0, le=1)

    validate_every: int = Field(1000, ge=1, description="steps between validations")
    validation_clips: int = Field(32, ge=1, description="how many clips to validate on, the first of val")
    validation_frames: int = Field(100, ge=2, description="how much of such a clip is used, in frames")
    patience: int = Field(10, ge=0, description="end after so many epochs with no better L1; 0 = never")
    save_every: int = Field(1000, ge=1, description="steps between checkpoints")
    log_every: int = Field(10, ge=1, description="steps between the points of the loss curves")

    seed: int = Field(0, ge=0, description="fixes weights, order, crops and noise")
    workers: int = Field(2, ge=0, le=64, description="processes that read shards; 0 = the trainer reads them")
    max_unreadable: int = Field(10, ge=0, description="clips per epoch and rank that may be unreadable")
    cache: str | None = Field(None, description="folder for shards from a URL; null = ~/.cache/s2f/shards")
    threads: int = Field(0, ge=0, le=256, description="threads of torch; 0 = its own choice")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto = bf16 on a GPU, else fp32")
    compile: bool = Field(False, description="have torch compile the networks, for long trainings")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto = cuda if there is one")

    @model_validator(mode="before")
    @classmethod
    def _ask_the_recipe(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        decided = RECIPES.get(str(data.get("recipe", cls.model_fields["recipe"].default)), {})
        return decided | {
            name: value for name, value in data.items() if value is not None or name not in decided
        }

    @model_validator(mode="after")
    def _something_to_learn(self) -> Self:
        weights = (
            self.l1_weight,
            self.frame_weight,
            self.sequence_weight,
            self.sync_weight,
            self.volume_weight,
        )
        if not any(weights):
            raise ValueError("l1_weight and the weights of all discriminators cannot all be 0")
        return self

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.sync_weight and self.frames < 2 * self.sync_frames:
            raise ValueError("frames must be at least twice sync_frames, to find another snippet to mismatch")
        if self.volume_weight and self.frames < VOLUME_FRAMES:
            raise ValueError(f"frames must be at least {VOLUME_FRAMES} for the critic of volume_weight")
        return self
