"""The training: one step, and the loop around it that logs, validates, saves, stops and resumes."""

import itertools
import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.console import Console
from torch import Tensor

from s2f.model.data.augment import augment_pictures, augment_sound
from s2f.model.data.loader import Batch, TrainBatches, validation_batches
from s2f.model.networks import weights
from s2f.model.networks.losses import discriminator_loss, generator_loss, reconstruction_loss, upper_loss
from s2f.model.training import checkpoint
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Ranks, joined
from s2f.model.training.report import About
from s2f.model.training.run_log import Journal, read_metrics
from s2f.model.training.state import Adversary, State, new_state
from s2f.model.training.terminal import Display, stop_requests, timed
from s2f.model.training.validation import validate
from s2f.pipeline.core.errors import CheckpointError, ConfigError, TrainingError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Media, Shard
from s2f.pipeline.faces.settings import FaceSettings, read_settings

SETTINGS = "train.yaml"

# What may change when a run goes on: no batch depends on it.
FREE = ("steps", "max_unreadable", "cache")


@dataclass
class Session:
    """What the loop works with besides the state."""

    run: Path
    media: Media
    batches: TrainBatches
    validation: list[Shard]
    data: str
    faces: FaceSettings
    console: Console


def train_step(state: State, batch: Batch) -> dict[str, float]:
    """Train every adversary, then the generator, on one batch; return the losses by TensorBoard tag.

    Raises TrainingError where a loss is not a finite number, before the generator is changed.
    """
    state.draw_anew()
    if state.params.augment_pictures:
        batch = augment_pictures(batch, state.source)
    if state.params.augment_sound:
        batch = augment_sound(batch, state.source)
    clips, frames = batch.frames.shape[:2]
    noise = state.generator.draw_noise(clips, frames, state.source).to(state.device)
    with _precision(state):
        fake = state.generator(batch.still, batch.windows, noise).float()
    losses: dict[str, Tensor] = {}
    total = fake.new_zeros(())
    for tag, loss, weight in (
        ("generator/l1", reconstruction_loss, state.params.l1_weight),
        ("generator/l1_upper", upper_loss, state.params.upper_weight),
    ):
        if weight:
            losses[tag] = loss(fake, batch.frames)
            total = total + weight * losses[tag]
    for name, adversary in state.adversaries.items():
        view = _pick(adversary, batch, state)
        losses[f"discriminator/{name}"] = _train_adversary(adversary, batch, view, fake.detach(), state)
        # The generator's gradient goes through the discriminator, but is not for its weights.
        adversary.module.requires_grad_(False)
        with _precision(state):
            logits = adversary.module(batch.still, view(fake), batch.windows)
        losses[f"generator/{name}"] = generator_loss(logits.float())
        adversary.module.requires_grad_(True)
        total = total + adversary.weight * losses[f"generator/{name}"]
    # One transfer for all of them, since each waits for the device.
    values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
    if not all(map(math.isfinite, values.values())):
        raise TrainingError(
            f"the losses of step {state.step + 1} are not finite: {values}",
            "resume from the last checkpoint in a copy of the run, or start anew with lower learning rates",
        )
    state.optimizer.zero_grad()
    total.backward()
    state.ranks.average_gradients(state.generator.parameters())
    state.optimizer.step()
    state.step += 1
    state.follow()
    return values


def _precision(state: State) -> torch.autocast:
    """The forward passes in bfloat16, where that is asked for; losses and weights stay in float32."""
    wanted = state.params.precision
    use = wanted == "bf16" or (wanted == "auto" and state.device.type == "cuda")
    return torch.autocast(state.device.type, torch.bfloat16, enabled=use)


def _pick(adversary: Adversary, batch: Batch, state: State) -> Callable[[Tensor], Tensor]:
    """What the adversary sees of frames (B, T, ...): all of them, or some drawn uniformly from each clip."""
    if adversary.judged is None:
        return lambda frames: frames
    clips, frames = batch.frames.shape[:2]
    picks = torch.randint(frames, (clips, adversary.judged), generator=state.source)
    rows = torch.arange(clips)[:, None]
    return lambda frames: frames[rows, picks]


def _train_adversary(
    adversary: Adversary,
    batch: Batch,
    view: Callable[[Tensor], Tensor],
    fake: Tensor,
    state: State,
) -> Tensor:
    """One step of a discriminator, on the same frames of the real and of the generated clips."""
    real = view(batch.frames)
    with _precision(state):
        real_logits = adversary.module(batch.still, real, batch.windows)
        fake_logits = [adversary.module(batch.still, view(fake), batch.windows)]
        if adversary.mismatch:
            elsewhere = shifted(batch.windows, adversary.mismatch, state.source)
            fake_logits.append(adversary.module(batch.still, real, elsewhere))
    loss = discriminator_loss(real_logits.float(), torch.cat(fake_logits).float())
    adversary.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.ranks.average_gradients(adversary.module.parameters())
    adversary.optimizer.step()
    return loss.detach()


def shifted(windows: Tensor, least: int, source: torch.Generator) -> Tensor:
    """Windows (B, T, samples) turned in time, so that each comes from at least `least` frames elsewhere.

    It needs T of at least twice as much. The sound of another clip would be a mismatch too, but one
    that can be told by the voice alone (our choice).
    """
    frames = windows.shape[1]
    return windows.roll(int(torch.randint(least, frames - least + 1, (), generator=source)), dims=1)


def train(
    data: PreparedSet, run: Path, params: TrainParams, *, resume: bool, console: Console
) -> dict[str, float]:
    """Train on the shards in `data` until `params.steps`, no more progress, Ctrl-C or SIGTERM.

    Everything goes to the folder `run`. Returns the scores of the last validation, `step`, and `ended`:
    0 where it was stopped. A run that was stopped and resumed ends with the weights of one that was not;
    one that has ended is left as it is. Raises InputError where the shards do not serve, CheckpointError
    where `run` does not, TrainingError where losses explode.
    """
    if params.threads:
        torch.set_num_threads(params.threads)
    with joined(_device(params)) as ranks:
        return _train(data, run, params, ranks, console if ranks.leads else Console(quiet=True), resume)


def go_on(data: PreparedSet, run: Path, params: TrainParams, console: Console) -> dict[str, float]:
    """Train to the end, from the last checkpoint if there is one; a run that has ended is left as it is.

    As `train` else, and raises KeyboardInterrupt where Ctrl-C or SIGTERM stopped it, saved.
    """
    resume = _has_weights(run)
    if not resume:
        # Killed before its first checkpoint: nothing of it can be gone on with.
        for name in (SETTINGS, weights.DESCRIPTION):
            (run / name).unlink(missing_ok=True)
    scores = train(data, run, params, resume=resume, console=console)
    if not scores["ended"]:
        raise KeyboardInterrupt
    return scores


def steps_done(data: PreparedSet, run: Path, params: TrainParams) -> int:
    """How far the run in a folder has come; 0 where there is no checkpoint.

    Raises CheckpointError where it cannot be gone on with, or was begun with other settings or shards.
    """
    if not _has_weights(run):
        return 0
    saved = checkpoint.load_state(run)
    _check_settings(run, params)
    _check_data(run, saved, data.fingerprint("train", "val"))
    return int(saved["step"])


def _has_weights(run: Path) -> bool:
    return any((run / name).exists() for name in (checkpoint.STATE, weights.NEWEST))


def _train(
    data: PreparedSet, run: Path, params: TrainParams, ranks: Ranks, console: Console, resume: bool
) -> dict[str, float]:
    shards = data.split_or_empty("train")
    batches = TrainBatches(shards, params, ranks.device, ranks.rank, ranks.world, report=console.out)
    validation = data.split_or_empty("val")
    fingerprint = data.fingerprint("train", "val")
    faces = read_settings(data)
    if validation and ranks.leads:
        # What validation needs and is not installed is told now, not after a thousand steps.
        faces.open()
    session = Session(run, data.media, batches, validation, fingerprint, faces, console)
    state = new_state(params, session.media.sample_rate, ranks)
    if resume:
        _resume(state, session)
    elif ranks.leads:
        _begin(state, session)
    if _over(state, session):
        console.print(f"{run} has ended at step {state.step:,} already", markup=False, soft_wrap=True)
        return _outcome(state, session)
    if ranks.leads:
        _write_settings(run, params)
    _announce(state, session)
    about = About(str(data), batches.clips, session.media, str(ranks.device), params)
    with ExitStack() as open_ones:
        journal = open_ones.enter_context(Journal(run, state.step, about)) if ranks.leads else None
        stop = open_ones.enter_context(stop_requests())
        _loop(state, session, journal, stop)
    if stop and not _over(state, session):
        told = f"stopped at step {state.step:,}, saved in {run}; go on with --resume"
        console.print(told, markup=False, soft_wrap=True)
    return _outcome(state, session)


def _over(state: State, session: Session) -> bool:
    """Whether nothing is left to train."""
    return state.step >= state.params.steps or state.exhausted(session.batches.per_epoch)


def _outcome(state: State, session: Session) -> dict[str, float]:
    rows = read_metrics(session.run)
    return {**(rows[-1] if rows else {}), "step": state.step, "ended": float(_over(state, session))}


def _loop(state: State, session: Session, journal: Journal | None, stop: list[int]) -> None:
    """`journal` is None on all ranks but the one that leads."""
    params, per_epoch = state.params, session.batches.per_epoch
    with Display(
        session.console,
        step=state.step,
        steps=params.steps,
        per_epoch=per_epoch,
        frames=params.batch * params.frames * state.ranks.world,
        validations=read_metrics(session.run),
    ) as display:
        steps = max(0, params.steps - state.step)
        for batch, waited in timed(itertools.islice(session.batches.start(state.step), steps)):
            if state.ranks.any(bool(stop)) or state.exhausted(per_epoch):
                break
            begun = time.perf_counter()
            state.set_rates(state.step // per_epoch)
            losses = train_step(state, batch)
            display.show(state.step, losses, waited, time.perf_counter() - begun)
            last = state.step == params.steps
            if journal and (last or state.step % params.log_every == 0):
                rate = {"rate/generator": state.optimizer.param_groups[0]["lr"]}
                journal.write(state.step, {**losses, **display.pace.scalars(), **rate})
            if session.validation and (last or state.step % params.validate_every == 0):
                with display.doing("validating"):
                    _validate(state, session, journal, display)
            if journal and (last or state.step % params.save_every == 0):
                _save(state, session)
    if journal:
        journal.write_report(state.step, ended=state.exhausted(per_epoch))
        _save(state, session)
    if state.exhausted(per_epoch):
        session.console.print(
            f"no better L1 on the val split since step {state.best_step:,}: finished at step {state.step:,}"
        )


def _validate(state: State, session: Session, journal: Journal | None, display: Display) -> None:
    """Score, log, and keep the weights if they are the best so far; one rank does, and all know the best."""
    if journal:
        clips = validation_batches(session.validation, state.params, state.device)
        result = validate(state.kept, clips, state.params.seed, session.faces.open())
        journal.write_validation(state.step, result)
        better = result.scores["val/l1"] < state.best
        state.stale += 1
        if better:
            state.best, state.best_step, state.stale = result.scores["val/l1"], state.step, 0
            weights.save_weights(session.run / weights.BEST, state.kept)
        display.show_validation(result.scores, better=better)
    best, best_step, stale = state.ranks.told([state.best, state.best_step, state.stale])
    state.best, state.best_step, state.stale = best, int(best_step), int(stale)


def _save(state: State, session: Session) -> None:
    weights.save_weights(session.run / weights.NEWEST, state.kept)
    checkpoint.save_state(session.run, {"data": session.data, **state.state_dict()})


def _begin(state: State, session: Session) -> None:
    """Make the run folder, unless it holds a run."""
    run = session.run
    if any((run / name).exists() for name in (SETTINGS, checkpoint.STATE, weights.DESCRIPTION)):
        raise CheckpointError(
            f"{run} already holds a run", "go on with it by --resume, or give another folder"
        )
    make_folder(run)
    weights.describe(run, state.generator, session.media.fps, session.media.sample_rate)


def _resume(state: State, session: Session) -> None:
    """Take up the run in the folder, if its settings and its data are those of now."""
    run = session.run
    saved = checkpoint.load_state(run)
    _check_settings(run, state.params)
    _check_data(run, saved, session.data)
    try:
        state.load_state_dict(saved)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{run / checkpoint.STATE} does not fit its settings", "train again in a new folder"
        ) from error


def _check_settings(run: Path, params: TrainParams) -> None:
    """Raises CheckpointError where the run was begun with settings that lead to other batches or weights."""
    try:
        # A setting that was not yet known then had the default of now.
        before = TrainParams.model_validate(yaml.safe_load((run / SETTINGS).read_text())).model_dump()
        changed = [
            f"{name} was {before[name]}, is {value}"
            for name, value in params.model_dump().items()
            if name not in FREE and before[name] != value
        ]
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise CheckpointError(f"{run / SETTINGS} cannot be read", "train again in a new folder") from error
    if changed:
        raise CheckpointError(
            f"the run in {run} was begun with other settings: {'; '.join(changed)}",
            "only train.steps may change; undo the others, or train in a new folder",
        )


def _check_data(run: Path, saved: dict[str, Any], data: str) -> None:
    if saved.get("data") != data:
        raise CheckpointError(
            f"the run in {run} was begun with other shards", "train on them in a new folder"
        )


def _write_settings(run: Path, params: TrainParams) -> None:
    write_bytes(run / SETTINGS, yaml.safe_dump(params.model_dump(), sort_keys=False).encode())


def _announce(state: State, session: Session) -> None:
    batches = session.batches
    short = (
        f", {batches.too_short:,} are shorter than {state.params.frames} frames" if batches.too_short else ""
    )
    weights = sum(weight.numel() for weight in state.generator.parameters())
    begin = f"resuming at step {state.step:,}" if state.step else "training"
    ranks = f", {state.ranks.world} ranks" if state.ranks.world > 1 else ""
    session.console.print(
        f"{begin} on {state.device}{ranks}: {batches.clips:,} clips,"
        f" {batches.per_epoch:,} batches per epoch{short};"
        f" a generator of {weights / 1e6:.1f} M weights against"
        f" {' and '.join(state.adversaries) or 'no'} discriminator"
    )
    if not session.validation:
        session.console.print("the val split is empty: no validation, and no early stop")


def _device(params: TrainParams) -> torch.device:
    if params.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "train.device is cuda, but torch finds no such device", "set train.device to auto or cpu"
        )
    use_cuda = params.device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")
