"""The training of the GAN: `train` begins or resumes a run."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from s2f.model.data.loader import Batch, TrainBatches, first_clips
from s2f.model.networks import weights
from s2f.model.training import checkpoint
from s2f.model.training.config import TrainParams
from s2f.model.training.curves import read_metrics
from s2f.model.training.distributed import Distributed, joined
from s2f.model.training.loop import Breakable, has_ended, is_over, run_loop
from s2f.model.training.report import About
from s2f.model.training.run_folder import RunFolder, fingerprint
from s2f.model.training.run_log import RunLog
from s2f.model.training.starting import begin_from, with_network_of
from s2f.model.training.state import State, new_state
from s2f.model.training.step import train_step
from s2f.model.training.terminal import Display, Plan
from s2f.model.training.validation import WORDS, validate
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Shard
from s2f.pipeline.faces.settings import FaceSettings, read_settings

SETTINGS = "train.yaml"


def run_folder(run: Path) -> RunFolder:
    """The folder of a GAN's training."""
    return RunFolder(run, weights.GENERATOR, "run", SETTINGS)


def train(
    data: PreparedSet,
    run: Path,
    params: TrainParams,
    *,
    resume: bool,
    console: Console,
    start: Path | None = None,
) -> dict[str, float]:
    """Train on the shards in `data` until `params.steps`, no more progress, Ctrl-C or SIGTERM.

    With `start`, the run of another training, it begins with the weights and the network of that one.

    Everything goes to the folder `run`. Returns the scores of the last validation, `step`, and `ended`:
    0 where it was stopped. A run that was stopped and resumed ends with the weights of one that was not;
    one that has ended is left as it is. Raises InputError where the shards do not serve, CheckpointError
    where `run` does not, TrainingError where losses explode.
    """
    if params.threads:
        torch.set_num_threads(params.threads)
    with joined(_device(params)) as distributed:
        shown = console if distributed.is_main else Console(quiet=True)
        return _train(data, run, params, distributed, shown, resume, start)


def go_on(
    data: PreparedSet, run: Path, params: TrainParams, console: Console, start: Path | None = None
) -> dict[str, float]:
    """Train to the end, from the last checkpoint if there is one, else from the run `start`.

    As `train` otherwise, and raises KeyboardInterrupt where Ctrl-C or SIGTERM stopped it, saved.
    """
    scores = train(data, run, params, resume=run_folder(run).is_trained, console=console, start=start)
    if not scores["ended"]:
        raise KeyboardInterrupt
    return scores


def steps_done(data: PreparedSet, run: Path, params: TrainParams) -> int:
    """How far the run in a folder is; 0 where there is no checkpoint.

    Raises CheckpointError where it cannot be resumed, or was begun with other settings or shards.
    """
    folder = run_folder(run)
    if not folder.is_trained:
        return 0
    saved = checkpoint.load_state(run)
    folder.check_settings(params)
    folder.check_data(saved, fingerprint(data))
    return int(saved["step"])


@dataclass
class GanTrainee:
    """The GAN as the loop trains it."""

    state: State
    folder: RunFolder
    data: PreparedSet
    train_batches: TrainBatches
    validation: list[Shard]
    faces: FaceSettings
    curves: RunLog | None = None

    @property
    def step(self) -> int:
        return self.state.step

    @property
    def distributed(self) -> Distributed:
        return self.state.distributed

    @property
    def plan(self) -> Plan:
        params = self.state.params
        return Plan(
            params.steps,
            self.train_batches.per_epoch,
            params.batch * params.frames * self.distributed.world,
            params.validate_every if self.validation else 0,
            params.save_every,
            params.log_every,
        )

    @property
    def ended_early(self) -> bool:
        return self.state.exhausted(self.train_batches.per_epoch)

    def batches(self) -> Iterator[Batch]:
        return self.train_batches.start(self.step)

    def train_step(self, batch: Batch) -> dict[str, float]:
        self.state.set_lr(self.step // self.train_batches.per_epoch)
        return train_step(self.state, batch)

    def rates(self) -> dict[str, float]:
        return {"rate/generator": self.state.optimizer.param_groups[0]["lr"]}

    def validate(self, display: Display, breakable: Breakable) -> None:
        """The main rank validates, and all know the best."""
        state, params = self.state, self.state.params
        if self.curves:
            clips = first_clips(
                self.validation,
                params.window_seconds,
                params.validation_clips,
                params.validation_frames,
                state.device,
            )
            with breakable:
                result = validate(state.kept, clips, params.seed, self.data.media.fps, self.faces)
            self.curves.write_validation(state.step, result)
            better = result.scores["val/l1"] < state.best
            state.stale += 1
            if better:
                state.best, state.best_step, state.stale = result.scores["val/l1"], state.step, 0
                weights.save_weights(self.folder.path / weights.BEST, state.kept)
            display.show_validation(result.scores, better=better)
        best, best_step, stale = self.distributed.broadcast([state.best, state.best_step, state.stale])
        state.best, state.best_step, state.stale = best, int(best_step), int(stale)

    def save(self) -> None:
        weights.save_weights(self.folder.path / weights.NEWEST, self.state.kept)
        self.folder.save_state(self.data, self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return self.state.state_dict()

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.state.load_state_dict(saved)


def _train(
    data: PreparedSet,
    run: Path,
    params: TrainParams,
    distributed: Distributed,
    console: Console,
    resume: bool,
    start: Path | None,
) -> dict[str, float]:
    folder, device = run_folder(run), distributed.device
    begun_from = folder.start(start, resume=resume)
    if start and begun_from:
        params = with_network_of(begun_from, params, data)
    shards, validation = data.split_or_empty("train"), data.split_or_empty("val")
    batches = TrainBatches(
        shards,
        params,
        device,
        distributed.rank,
        distributed.world,
        console.out,
        data.speakers if params.balance else {},
    )
    faces = read_settings(data)
    if validation and distributed.is_main:
        # A face backend that is not installed is reported now, not at the first validation.
        faces.open()
    state = new_state(params, data.media.sample_rate, distributed, data.size)
    trainee = GanTrainee(state, folder, data, batches, validation, faces)
    saved = folder.checkpoint(data, params, resume=resume) if resume or distributed.is_main else None
    if saved:
        folder.restore(trainee, saved)
    elif begun_from:
        begun = begin_from(begun_from, state)
        more = "".join(f" and the {name} discriminator" for name in begun)
        told = f"begins with the generator{more} of {begun_from}"
        console.print(told, markup=False, soft_wrap=True)
    if has_ended(trainee, run, console):
        return _outcome(trainee)
    _announce(trainee, console)
    with ExitStack() as open_ones:
        if distributed.is_main:
            open_ones.enter_context(folder.alone(resume=resume))
            folder.write(data, params, begun_from)
            if not saved:
                weights.describe(run, trainee.state.generator, data.media.fps, data.media.sample_rate)
            about = About(str(data), batches.clips, data.media, str(device), params, data.size)
            trainee.curves = open_ones.enter_context(RunLog(run, trainee.step, about))
        display = Display(console, trainee.step, trainee.plan, validations=read_metrics(run), words=WORDS)
        run_loop(trainee, display, run, console)
    if trainee.ended_early:
        console.print(
            f"no better L1 on the val split since step {trainee.state.best_step:,}:"
            f" finished at step {trainee.step:,}"
        )
    return _outcome(trainee)


def _outcome(trainee: GanTrainee) -> dict[str, float]:
    rows = read_metrics(trainee.folder.path)
    return {
        **(rows[-1] if rows else {}),
        "step": trainee.step,
        "ended": float(is_over(trainee, trainee.folder.path)),
    }


def _announce(trainee: GanTrainee, console: Console) -> None:
    state, batches = trainee.state, trainee.train_batches
    short = (
        f", {batches.too_short:,} are shorter than {state.params.frames} frames" if batches.too_short else ""
    )
    count = sum(weight.numel() for weight in state.generator.parameters())
    begin = f"resuming at step {state.step:,}" if state.step else "training"
    world = state.distributed.world
    ranks = f", {world} ranks" if world > 1 else ""
    console.print(
        f"{begin} on {state.device}{ranks}: {batches.clips:,} clips,"
        f" {batches.per_epoch:,} batches per epoch{short};"
        f" a generator of {count / 1e6:.1f} M weights against"
        f" {' and '.join(state.adversaries) or 'no'} discriminator"
    )
    if not trainee.validation:
        console.print("the val split is empty: no validation, and no early stop")


def _device(params: TrainParams) -> torch.device:
    if params.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "train.device is cuda, but torch finds no such device", "set train.device to auto or cpu"
        )
    use_cuda = params.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")
