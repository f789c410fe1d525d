"""The settings of a preparation: how the work is done, and a block for each stage of the table."""

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, Field, create_model

from s2f.pipeline.core import files
from s2f.pipeline.core.executors import ENGINES
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.params import Params
from s2f.pipeline.stages import load_stages
from s2f.pipeline.stages.base import Stage

Block = TypeVar("Block", bound=Params)


def _known(engine: str) -> str:
    if engine not in ENGINES:
        raise ValueError(f"it should be {' or '.join(ENGINES)}")
    return engine


class RunParams(Params):
    """How the work is done; nothing here changes a result."""

    engine: Annotated[str, AfterValidator(_known)] = Field(
        "local",
        description="local processes, or a Ray cluster",
        json_schema_extra={"enum": [*ENGINES]},
    )
    workers: int = Field(0, ge=0, description="worker processes; 0 = one per CPU core")
    time_limit: float = Field(600.0, gt=0, description="seconds that one clip may take")


class _Run(Params):
    """What does not come from the table of stages."""

    run: RunParams = Field(RunParams(), description="How the work is done; nothing here changes a result.")

    def of(self, stage: Stage) -> Params:
        """The settings of a stage."""
        params: Params = getattr(self, stage.name)
        return params

    def block(self, kind: type[Block]) -> Block:
        """The block of a type, such as ShardParams."""
        return next(block for _, block in self if isinstance(block, kind))


def _stage_blocks() -> dict[str, Any]:
    return {
        stage.name: (stage.params, Field(stage.params(), description=stage.description))
        for stage in load_stages()
    }


if TYPE_CHECKING:
    PrepSettings = _Run
else:
    PrepSettings = create_model("PrepSettings", __base__=_Run, **_stage_blocks())


def save(settings: PrepSettings, path: Place) -> None:
    """Write the settings as used."""
    text = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    files.write_bytes(path, text.encode())
