"""The settings of a training run: the `train` block of stages.yaml.

Only pydantic is imported here, so that the command line stays quick.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from s2f.pipeline.params import Params


class TrainParams(Params):
    """What is trained, on how much, for how long. The defaults are of the paper's size.

    A weight of 0 leaves its term out, and an adversary's network with it: `frame_weight: 0` and
    `sequence_weight: 0` is the paper's "L1 only". What the paper does not publish is our choice:
    batch, frames, judged_frames, steps, noise_std and decay; upper_weight is an addition of ours.
    """

    recipe: Literal["bmvc2018"] = Field("bmvc2018", description="the paper whose system is built")
    width: int = Field(64, ge=4, le=256, description="channels of the first layer; 64 is the paper's")
    window_seconds: float = Field(0.16, ge=0.02, le=1.0, description="sound per frame, in seconds")
    identity: int = Field(50, ge=1, le=1024, description="size of the identity code")
    context: int = Field(256, ge=1, le=1024, description="size of the context code, what is being said")
    noise: int = Field(10, ge=1, le=256, description="size of the noise code")
    noise_std: float = Field(1.0, ge=0, le=10, description="standard deviation of the noise")

    steps: int = Field(200_000, ge=1, description="batches to train on, all in all")
    batch: int = Field(8, ge=1, le=1024, description="clips per batch")
    frames: int = Field(25, ge=2, le=1000, description="length in frames of what is cut from each clip")
    judged_frames: int = Field(
        4, ge=1, le=1000, description="frames per clip that the frame discriminator sees"
    )
    mirror: bool = Field(True, description="mirror half of the clips")
    shuffle: int = Field(128, ge=1, le=100_000, description="clips held in memory to be shuffled, per worker")

    l1_weight: float = Field(400.0, ge=0, description="weight of the L1 term on the lower half")
    upper_weight: float = Field(0.0, ge=0, description="weight of L1 on the upper half; the paper has none")
    frame_weight: float = Field(1.0, ge=0, description="weight of the frame discriminator's term")
    sequence_weight: float = Field(1.0, ge=0, description="weight of the sequence discriminator's term")
    generator_rate: float = Field(2e-4, gt=0, le=1, description="learning rate of the generator")
    frame_rate: float = Field(1e-3, gt=0, le=1, description="learning rate of the frame discriminator")
    sequence_rate: float = Field(5e-5, gt=0, le=1, description="learning rate of the sequence discriminator")
    decay_after: int = Field(20, ge=0, description="epochs before the first two learning rates decay")
    decay: float = Field(0.9, gt=0, le=1, description="what they are multiplied by in every epoch after that")

    validate_every: int = Field(1000, ge=1, description="steps between validations")
    validation_clips: int = Field(32, ge=1, description="how many clips to validate on, the first of val")
    validation_frames: int = Field(100, ge=2, description="how much of such a clip is used, in frames")
    patience: int = Field(10, ge=0, description="end after so many validations with no better L1; 0 = never")
    save_every: int = Field(1000, ge=1, description="steps between checkpoints")
    log_every: int = Field(10, ge=1, description="steps between the points of the loss curves")

    seed: int = Field(0, ge=0, description="fixes weights, order, crops and noise")
    workers: int = Field(2, ge=0, le=64, description="processes that read shards; 0 = the trainer reads them")
    threads: int = Field(0, ge=0, le=256, description="threads of torch; 0 = its own choice")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto = cuda if there is one")

    @model_validator(mode="after")
    def _something_to_learn(self) -> Self:
        if not (self.l1_weight or self.frame_weight or self.sequence_weight):
            raise ValueError("l1_weight, frame_weight and sequence_weight cannot all be 0")
        return self
