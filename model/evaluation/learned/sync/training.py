"""The training of the sync scorer: each snippet has to find its sound among all those of its clip.

A softmax over the moments of a clip, as in Chung, Chung and Kang, "Perfect match", 2019, in place of
SyncNet's contrastive loss: a clip gives not one false pair, but as many as it has moments.
"""

import itertools
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
import yaml
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from s2f.model.data.augment import augment_pictures, augment_sound
from s2f.model.data.loader import Batch, TrainBatches
from s2f.model.evaluation.learned.sync import measuring, scorer
from s2f.model.evaluation.learned.sync.config import SyncParams
from s2f.model.evaluation.learned.sync.network import SyncNetwork, lower_half
from s2f.model.evaluation.learned.sync.protocol import SNIPPET, SOUND_SECONDS
from s2f.model.evaluation.learned.sync.scorer import Scorer
from s2f.model.networks.device import best_device
from s2f.model.training.config import TrainParams
from s2f.model.training.terminal import stop_requests
from s2f.pipeline.core.errors import CheckpointError, InputError, TrainingError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import progress_bar
from s2f.pipeline.core.windows import window_size

SETTINGS = "sync.yaml"
CODE = 128
RATE, DECAY, WARM = 2e-3, 0.05, 0.15
# Steps between two lines, whose loss is the mean since the last one, and between two writings of the weights.
LOG_EVERY, SAVE_EVERY = 50, 500


def train(data: PreparedSet, run: Path, params: SyncParams, console: Console) -> measuring.Trial | None:
    """Train on the train split, write RUN, and try the scorer on the val split; None where there is none.

    Ctrl-C ends the training early. Raises InputError where the data does not serve, CheckpointError where
    the folder holds a scorer already, TrainingError where a loss is no number.
    """
    if (run / scorer.KIND.description).exists():
        raise CheckpointError(f"{run} already holds a sync scorer", "give another folder")
    shards = data.split_or_empty("train")
    if not shards:
        raise InputError(f"{data} has no clips in the split 'train'", "prepare it with a train split")
    media, device = data.media, best_device()
    batches = TrainBatches(shards, _batches(params), device, report=console.print)
    make_folder(run)
    write_bytes(run / SETTINGS, yaml.safe_dump(params.model_dump(), sort_keys=False).encode())
    if params.threads:
        torch.set_num_threads(params.threads)
    torch.manual_seed(params.seed)
    window = window_size(SOUND_SECONDS, media.sample_rate)
    network = SyncNetwork(params.width, CODE, window, media.sample_rate).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, params.steps, pct_start=WARM)
    source = torch.Generator().manual_seed(params.seed)
    with stop_requests() as stop, progress_bar(console) as bar:
        task = bar.add_task("steps", total=params.steps, speed="")
        losses: list[float] = []
        begun, frames = time.perf_counter(), 0
        for step, batch in enumerate(itertools.islice(batches.start(0), params.steps), start=1):
            losses.append(train_step(network, optimiser, batch, source))
            schedule.step()
            frames += batch.frames.shape[0] * batch.frames.shape[1]
            speed = f"{frames / (time.perf_counter() - begun):,.0f} frames/s"
            bar.update(task, completed=step, speed=speed)
            if step % LOG_EVERY == 0:
                console.print(f"step {step}: loss {statistics.fmean(losses):.3f}", highlight=False)
                losses.clear()
            if step % SAVE_EVERY == 0:
                scorer.save(run, Scorer(network, media.fps, device))
            if stop:
                console.print(f"stopped at step {step}")
                break
    made = Scorer(network, media.fps, device)
    trial = measuring.try_out(made, data, console)
    scorer.save(run, Scorer(network, media.fps, device, trial.known if trial else None))
    return trial


def train_step(
    network: SyncNetwork, optimiser: torch.optim.Optimizer, batch: Batch, source: torch.Generator
) -> float:
    """Train on one batch, changed at random; the loss."""
    network.train()
    # Half of the picture is half of the work; the still is not needed, but belongs to a batch.
    batch = replace(batch, still=lower_half(batch.still), frames=lower_half(batch.frames))
    batch = augment_sound(augment_pictures(batch, source), source)
    around = SNIPPET // 2
    heard = network.heard(batch.windows[:, around:-around])
    loss = contest(network.seen(batch.frames), heard, network.sharpness.exp())
    if not math.isfinite(loss.item()):
        raise TrainingError("the loss of the sync scorer is not a number", "train with another seed")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()


def contest(seen: Tensor, heard: Tensor, sharpness: Tensor) -> Tensor:
    """Cross-entropy of finding the sound of each snippet in its clip, and the snippet of each sound.

    `seen` and `heard` (B, T, code) are unit vectors of the same moments.
    """
    logits = sharpness * seen @ heard.transpose(1, 2)
    right = torch.arange(logits.shape[1], device=logits.device).repeat(len(logits))
    found = functional.cross_entropy(logits.flatten(0, 1), right)
    return (found + functional.cross_entropy(logits.transpose(1, 2).flatten(0, 1), right)) / 2


def _batches(params: SyncParams) -> TrainParams:
    """What of the settings of the GAN's training concerns the batches."""
    return TrainParams(
        batch=params.batch,
        frames=params.frames,
        seed=params.seed,
        window_seconds=SOUND_SECONDS,
        augment_sound=True,
        workers=0,
    )
