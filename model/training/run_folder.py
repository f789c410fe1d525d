"""The folder of a training: what it was begun with, and whether it can be begun or resumed.

RUN/train.yaml   the settings; lipread.yaml and sync.yaml for the other trainings
RUN/run.json     which prepared set it is trained on, and with which run's weights it begins
RUN/state.pt     the checkpoint
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from s2f.model.networks.weights import FORMAT, Kind, damaged, located
from s2f.model.training import checkpoint
from s2f.model.training.loop import Trainee
from s2f.pipeline.core import locks
from s2f.pipeline.core.errors import CheckpointError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.prepared_set import PreparedSet

RECORD = "run.json"
LOCK = ".lock"

Block = TypeVar("Block", bound=Params)


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds, or will hold, a training of a kind; `settings` names the file of its settings."""

    path: Path
    kind: Kind
    noun: str
    settings: str

    @property
    def is_begun(self) -> bool:
        """Whether a training was begun here, with or without a checkpoint so far."""
        return self.is_trained or (self.path / self.settings).exists()

    @property
    def is_trained(self) -> bool:
        """Whether it holds a checkpoint or weights."""
        return any((self.path / name).exists() for name in (checkpoint.STATE, self.kind.weights))

    def checkpoint(self, data: PreparedSet, params: Params, *, resume: bool) -> dict[str, Any] | None:
        """The state to go on from; None where the training begins at step 0.

        A run that was stopped before its first checkpoint may be resumed, or begun again. Raises
        CheckpointError where the folder holds a run and `resume` is not asked for, or cannot be resumed
        with these settings and this data.
        """
        if not resume:
            self._check_untrained()
            return None
        if self.is_trained or not self.is_begun:
            saved = checkpoint.load_state(self.path)
            self.check_settings(params)
            self.check_data(saved, fingerprint(data))
            return saved
        self.check_settings(params)
        return None

    @contextmanager
    def alone(self, *, resume: bool) -> Iterator[None]:
        """Make the folder, and keep other trainings out. Raises InputError where one is at work in it."""
        make_folder(self.path)
        with locks.alone(self.path / LOCK):
            if not resume:
                # One that was at work a moment ago may have ended since.
                self._check_untrained()
            yield

    def start(self, given: Path | None, *, resume: bool) -> Path | None:
        """The run to begin with: the given one, or with `resume` the one that this run was begun with.

        For the name `pretrained` it is the folder of the package's own weights.
        """
        if given:
            return located(given, self.kind)
        begun_from = self.read_record().get("start") if resume else None
        return Path(begun_from) if begun_from else None

    def write(self, data: PreparedSet, params: Params, start: Path | None = None) -> None:
        """Keep the settings, and the places of the data and of the run that it begins with."""
        text = yaml.safe_dump(params.model_dump(), sort_keys=False)
        write_bytes(self.path / self.settings, text.encode())
        place = data.place.absolute() if isinstance(data.place, Path) else data.place
        record = {"format": FORMAT, "data": str(place)}
        if start:
            record["start"] = str(start.absolute())
        write_bytes(self.path / RECORD, (json.dumps(record, indent=2) + "\n").encode())

    def read_settings(self, block: type[Block]) -> Block:
        """The settings that the run was begun with. Raises CheckpointError."""
        path = self.path / self.settings
        if not path.exists():
            raise checkpoint.nothing_to_resume(self.path)
        try:
            # A setting that was not yet known then had the default of now.
            return block.model_validate(yaml.safe_load(path.read_text()))
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise CheckpointError(f"{path} cannot be read", "train again in a new folder") from error

    def read_record(self) -> dict[str, str]:
        """What `write` kept; an empty dict where an older s2f began the run. Raises CheckpointError."""
        path = self.path / RECORD
        try:
            record: dict[str, str] = json.loads(path.read_text())
            assert record["data"]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise damaged(path, error) from error
        return record

    def data(self) -> str:
        """The place of the prepared set. Raises CheckpointError where it is not known."""
        record = self.read_record()
        if not record:
            raise CheckpointError(
                f"{self.path} does not say which prepared set it was trained on: an older s2f began it",
                f"name the set: {self.kind.command} OUT --run {self.path} --resume",
            )
        return record["data"]

    def check_settings(self, params: Params) -> None:
        """Raises CheckpointError where settings have changed on which batches or weights depend."""
        before = self.read_settings(type(params)).model_dump()
        changed = [
            f"{name} was {before[name]}, is {value}"
            for name, value in params.model_dump().items()
            if name not in params.FREE and before[name] != value
        ]
        if changed:
            free = f"only {', '.join(params.FREE)} may change" if params.FREE else "no setting may change"
            raise CheckpointError(
                f"the run in {self.path} was begun with other settings: {'; '.join(changed)}",
                f"{free}; undo the others, or train in a new folder",
            )

    def check_data(self, saved: dict[str, Any], data: str) -> None:
        """Raises CheckpointError where a checkpoint is of other shards than those of this fingerprint."""
        if saved.get("data") != data:
            raise CheckpointError(
                f"the run in {self.path} was begun with other shards", "train on them in a new folder"
            )

    def _check_untrained(self) -> None:
        if self.is_trained:
            raise CheckpointError(
                f"{self.path} already holds a {self.noun}",
                "go on with it by --resume, or give another folder",
            )

    def save_state(self, data: PreparedSet, state: dict[str, Any]) -> None:
        """Write the checkpoint."""
        checkpoint.save_state(self.path, {"data": fingerprint(data), **state})

    def restore(self, trainee: Trainee[Any], saved: dict[str, Any]) -> None:
        """Have a training go on from a checkpoint. Raises CheckpointError where it does not fit."""
        try:
            trainee.load_state_dict(saved)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"{self.path / checkpoint.STATE} does not fit its settings", "train again in a new folder"
            ) from error


def fingerprint(data: PreparedSet) -> str:
    """A hash that changes when any shard to train or to validate on does."""
    return data.fingerprint("train", "val")
