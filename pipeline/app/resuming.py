"""What a training command works with: from the command line, or with --resume from the run."""

from pathlib import Path
from typing import TypeVar

from s2f.model.training.run_folder import RunFolder
from s2f.pipeline.app import config
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.params import Params

Block = TypeVar("Block", bound=Params)


def chosen(
    folder: RunFolder,
    block: type[Block],
    name: str,
    out: str | None,
    path: Path | None,
    overrides: list[str],
    *,
    resume: bool,
    preset: str | None = None,
) -> tuple[str, Block]:
    """The place of the prepared set, and the settings of the block `name`.

    With `resume` the run's own, but for what --config and --set change. Raises InputError where no set
    is named.
    """
    if not resume:
        if out is None:
            raise InputError("there is nothing to train on", "name the folder that 's2f prep' has made")
        params = getattr(config.load(path, overrides, preset), name)
        assert isinstance(params, block)
        return out, params
    saved = folder.read_settings(block)
    return out or folder.data(), config.changed(name, saved, path, overrides)
