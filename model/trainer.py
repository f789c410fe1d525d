"""The training: one step, and the loop around it that logs, validates, saves, stops and resumes."""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from rich.console import Console
from torch import Tensor

from s2f.model import checkpoint
from s2f.model.config import TrainParams
from s2f.model.data import Batch, TrainBatches, validation_batches
from s2f.model.journal import Journal, read_metrics
from s2f.model.losses import discriminator_loss, generator_loss, reconstruction_loss, upper_loss
from s2f.model.shards import Media, Shard, fingerprint, read_media, read_shards
from s2f.model.state import Adversary, State, new_state
from s2f.model.terminal import progress_bar, show, stop_requests
from s2f.model.validation import validate
from s2f.pipeline.errors import CheckpointError, ConfigError, TrainingError
from s2f.pipeline.files import Place, make_folder, write_bytes

SETTINGS = "train.yaml"


@dataclass
class Session:
    """What the loop works with besides the state."""

    run: Path
    media: Media
    batches: TrainBatches
    validation: list[Shard]
    data: str
    console: Console


def train_step(state: State, batch: Batch) -> dict[str, float]:
    """Train every adversary, then the generator, on one batch; return the losses by TensorBoard tag.

    Raises TrainingError where a loss is not a finite number, before the generator is changed.
    """
    clips, frames = batch.frames.shape[:2]
    noise = state.generator.draw_noise(clips, frames, state.source).to(state.device)
    fake = state.generator(batch.still, batch.windows, noise)
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
        losses[f"discriminator/{name}"] = _train_adversary(adversary, batch, view, fake.detach())
        # The generator's gradient goes through the discriminator, but is not for its weights.
        adversary.module.requires_grad_(False)
        losses[f"generator/{name}"] = generator_loss(adversary.module(batch.still, view(fake), batch.windows))
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
    state.optimizer.step()
    state.step += 1
    return values


def _pick(adversary: Adversary, batch: Batch, state: State) -> Callable[[Tensor], Tensor]:
    """What the adversary sees of frames (B, T, ...): all of them, or some drawn uniformly from each clip."""
    if adversary.judged is None:
        return lambda frames: frames
    clips, frames = batch.frames.shape[:2]
    picks = torch.randint(frames, (clips, adversary.judged), generator=state.source)
    rows = torch.arange(clips)[:, None]
    return lambda frames: frames[rows, picks]


def _train_adversary(
    adversary: Adversary, batch: Batch, view: Callable[[Tensor], Tensor], fake: Tensor
) -> Tensor:
    """One step of a discriminator, on the same frames of the real and of the generated clips."""
    real_logits = adversary.module(batch.still, view(batch.frames), batch.windows)
    fake_logits = adversary.module(batch.still, view(fake), batch.windows)
    loss = discriminator_loss(real_logits, fake_logits)
    adversary.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    adversary.optimizer.step()
    return loss.detach()


def train(data: Place, run: Path, params: TrainParams, *, resume: bool, console: Console) -> dict[str, float]:
    """Train on the shards in `data` until `params.steps`, no more progress, Ctrl-C or SIGTERM.

    Everything goes to the folder `run`. Returns the scores of the last validation and `step`. A run
    that was stopped and resumed ends with the weights of one that was not. Raises InputError where
    the shards do not serve, CheckpointError where `run` does not, TrainingError where losses explode.
    """
    if params.threads:
        torch.set_num_threads(params.threads)
    device = _device(params)
    shards = read_shards(data, "train")
    batches = TrainBatches(shards, params, device)
    validation = read_shards(data, "val")
    session = Session(run, read_media(shards), batches, validation, fingerprint(shards + validation), console)
    state = new_state(params, session.media.sample_rate, device)
    if resume:
        _resume(state, session)
    else:
        _begin(state, session)
    _announce(state, session)
    with Journal(run, state.step) as journal, stop_requests() as stop:
        _loop(state, session, journal, stop)
    if stop and state.step < params.steps:
        console.print(f"stopped at step {state.step:,}, saved in {run}; go on with --resume")
    rows = read_metrics(run)
    return {**(rows[-1] if rows else {}), "step": state.step}


def _loop(state: State, session: Session, journal: Journal, stop: list[int]) -> None:
    params = state.params
    frames = params.batch * params.frames
    with progress_bar(session.console) as progress:
        task = progress.add_task("", total=params.steps, completed=state.step, speed="", losses="")
        steps = max(0, params.steps - state.step)
        for batch in itertools.islice(session.batches.start(state.step), steps):
            if stop or (params.patience and state.stale >= params.patience):
                break
            begun = time.perf_counter()
            state.set_rates(state.step // session.batches.per_epoch)
            losses = train_step(state, batch)
            speed = frames / (time.perf_counter() - begun)
            show(progress, task, state.step, losses, speed)
            last = state.step == params.steps
            if state.step % params.log_every == 0:
                rate = state.optimizer.param_groups[0]["lr"]
                journal.write(
                    state.step, {**losses, "speed/frames_per_second": speed, "rate/generator": rate}
                )
            if session.validation and (last or state.step % params.validate_every == 0):
                _validate(state, session, journal)
            if last or state.step % params.save_every == 0:
                _save(state, session)
    if params.patience and state.stale >= params.patience:
        session.console.print(
            f"no better L1 on the val split in {state.stale} validations: finished at step {state.step:,}"
        )
    _save(state, session)


def _validate(state: State, session: Session, journal: Journal) -> None:
    """Score, log, and keep the weights if they are the best so far."""
    clips = validation_batches(session.validation, state.params, state.device)
    result = validate(state.generator, clips, state.params.seed)
    journal.write_validation(state.step, result)
    scores = result.scores
    better = scores["val/l1"] < state.best
    state.stale = 0 if better else state.stale + 1
    if better:
        state.best = scores["val/l1"]
        checkpoint.save_weights(session.run / checkpoint.BEST, state.generator)
    mouth = f", mouth {scores['val/mouth']:+.2f}" if "val/mouth" in scores else ""
    session.console.print(
        f"step {state.step:,}: L1 {scores['val/l1']:.4f} (still {scores['val/l1_still']:.4f}),"
        f" PSNR {scores['val/psnr']:.2f} dB (still {scores['val/psnr_still']:.2f}){mouth}"
        f"{', best' if better else ''}"
    )


def _save(state: State, session: Session) -> None:
    checkpoint.save_weights(session.run / checkpoint.NEWEST, state.generator)
    checkpoint.save_state(session.run, {"data": session.data, **state.state_dict()})


def _begin(state: State, session: Session) -> None:
    """Make the run folder, unless it holds a run."""
    run = session.run
    if any((run / name).exists() for name in (SETTINGS, checkpoint.STATE, checkpoint.DESCRIPTION)):
        raise CheckpointError(
            f"{run} already holds a run", "go on with it by --resume, or give another folder"
        )
    make_folder(run)
    checkpoint.describe(run, state.generator, session.media.fps, session.media.sample_rate)
    _write_settings(run, state.params)


def _resume(state: State, session: Session) -> None:
    """Take up the run in the folder, if its settings and its data are those of now."""
    run = session.run
    saved = checkpoint.load_state(run)
    try:
        before = yaml.safe_load((run / SETTINGS).read_text())
        changed = [
            f"{name} was {before.get(name)}, is {value}"
            for name, value in state.params.model_dump().items()
            if name != "steps" and before.get(name) != value
        ]
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise CheckpointError(f"{run / SETTINGS} cannot be read", "train again in a new folder") from error
    if changed:
        raise CheckpointError(
            f"the run in {run} was begun with other settings: {'; '.join(changed)}",
            "only train.steps may change; undo the others, or train in a new folder",
        )
    if saved.get("data") != session.data:
        raise CheckpointError(
            f"the run in {run} was begun with other shards", "train on them in a new folder"
        )
    try:
        state.load_state_dict(saved)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{run / checkpoint.STATE} does not fit its settings", "train again in a new folder"
        ) from error
    _write_settings(run, state.params)


def _write_settings(run: Path, params: TrainParams) -> None:
    write_bytes(run / SETTINGS, yaml.safe_dump(params.model_dump(), sort_keys=False).encode())


def _announce(state: State, session: Session) -> None:
    batches = session.batches
    short = (
        f", {batches.too_short:,} are shorter than {state.params.frames} frames" if batches.too_short else ""
    )
    weights = sum(weight.numel() for weight in state.generator.parameters())
    begin = f"resuming at step {state.step:,}" if state.step else "training"
    session.console.print(
        f"{begin} on {state.device}: {batches.clips:,} clips, {batches.per_epoch:,} batches per epoch{short};"
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
