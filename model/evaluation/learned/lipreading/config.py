"""The settings of the lip reader's training: the `lipread` block of stages.yaml.

Only pydantic is imported here, so that the command line stays quick.
"""

from typing import Any, ClassVar

from pydantic import Field, model_validator

from s2f.pipeline.core.params import Params


class LipreadParams(Params):
    """What is trained and for how long. The defaults suit a CPU and some hundred clips."""

    RENAMED: ClassVar = {"rate": "lr"}

    width: int = Field(16, ge=4, le=256, description="channels of the first convolution; LipNet has 32")
    hidden: int = Field(128, ge=8, le=1024, description="size of each direction of the GRUs; LipNet has 256")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the codes left out in training")
    epochs: int = Field(20, ge=1, le=100_000, description="how often each clip is trained on")
    batch: int = Field(4, ge=1, le=1024, description="clips per batch")
    lr: float = Field(3e-3, gt=0, le=1, description="highest learning rate; it falls to 0 over the epochs")
    augment: bool = Field(True, description="mirror, shift and jolt clips at random")
    validate_every: int = Field(2, ge=1, description="epochs between validations")
    seed: int = Field(0, ge=0, description="fixes weights, order and augmentation")
    threads: int = Field(0, ge=0, le=256, description="threads of torch; 0 = its own choice")

    @model_validator(mode="before")
    @classmethod
    def _understand_old_names(cls, data: Any) -> Any:
        return cls.renamed(data) if isinstance(data, dict) else data
