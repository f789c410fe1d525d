"""The training of the sync scorer: each snippet has to find its sound among all those of its clip.

A softmax over the moments of a clip, as in Chung, Chung and Kang, "Perfect match", 2019, in place of
SyncNet's contrastive loss: a clip gives not one false pair, but as many as it has moments.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from s2f.model.data.augment import augment_pictures, augment_sound
from s2f.model.data.config import LoaderParams
from s2f.model.data.loader import Batch, TrainBatches
from s2f.model.evaluation.learned.sync import measuring, scorer
from s2f.model.evaluation.learned.sync.config import SyncParams
from s2f.model.evaluation.learned.sync.network import SyncNetwork, lower_half
from s2f.model.evaluation.learned.sync.protocol import SNIPPET, SOUND_SECONDS
from s2f.model.evaluation.learned.sync.scorer import Known, Scorer
from s2f.model.networks.device import best_device
from s2f.model.training.curves import Curves
from s2f.model.training.distributed import Distributed
from s2f.model.training.loop import has_ended, is_over, run_loop
from s2f.model.training.run_folder import RunFolder
from s2f.model.training.schedule import step_seed
from s2f.model.training.terminal import Display, Plan, ScoreWords
from s2f.pipeline.core.errors import InputError, TrainingError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.windows import window_size

SETTINGS = "sync.yaml"
CODE = 128
LR, WEIGHT_DECAY, WARM = 2e-3, 0.05, 0.15
# Steps between two points of the curve, and between two checkpoints.
LOG_EVERY, SAVE_EVERY = 50, 500
# Nothing is validated while it trains.
NO_WORDS = ScoreWords("", lambda scores: [])


def run_folder(run: Path) -> RunFolder:
    """The folder of a sync scorer's training."""
    return RunFolder(run, scorer.KIND, "sync scorer", SETTINGS)


def train(
    data: PreparedSet, run: Path, params: SyncParams, console: Console, *, resume: bool = False
) -> measuring.Trial | Known | None:
    """Train on the train split, write RUN, and try the scorer on the val split; None where that was not done.

    Of a run that has ended already it is told what its trial has made known. Ctrl-C stops the training,
    saved; stopped and resumed, it ends with the weights of one that was not. Raises InputError where the
    data does not serve, CheckpointError where the folder does not, TrainingError where a loss is no number.
    """
    if params.threads:
        torch.set_num_threads(params.threads)
    folder = run_folder(run)
    saved = folder.checkpoint(data, params, resume=resume)
    shards = data.split_or_empty("train")
    if not shards:
        raise InputError(f"{data} has no clips in the split 'train'", "prepare it with a train split")
    batches = TrainBatches(shards, _loading(params), best_device(), report=console.print)
    trainee = SyncTrainee(data, params, folder, batches)
    if saved:
        folder.restore(trainee, saved)
    if has_ended(trainee, run, console):
        if known := scorer.load_scorer(run, trainee.device).known:
            return known
    else:
        with folder.alone(resume=resume):
            folder.write(data, params)
            begin = f"resuming at step {trainee.step:,}" if trainee.step else "training"
            console.print(f"{begin} on {trainee.device}: {batches.clips:,} clips")
            trainee.curves = Curves(run, trainee.step)
            display = Display(console, trainee.step, trainee.plan, validations=[], words=NO_WORDS)
            run_loop(trainee, display, run, console)
        if not is_over(trainee, run):
            # It was stopped: what it knows is tried out at its end.
            scorer.save(run, replace(trainee.scorer, known=None))
            return None
    trial = measuring.try_out(trainee.scorer, data, console)
    scorer.save(run, replace(trainee.scorer, known=trial.known if trial else None))
    if not trial:
        console.print(
            "not tested: the val split has fewer than two clips that are long enough", soft_wrap=True
        )
    return trial


class SyncTrainee:
    """The sync scorer as the loop trains it; it is tried out at its end, and not before."""

    validate = None

    def __init__(
        self, data: PreparedSet, params: SyncParams, folder: RunFolder, batches: TrainBatches
    ) -> None:
        self.data, self.params, self.folder, self.train_batches = data, params, folder, batches
        self.device = batches.device
        self.distributed = Distributed(self.device)
        sample_rate = data.media.sample_rate
        torch.manual_seed(params.seed)
        window = window_size(SOUND_SECONDS, sample_rate)
        self.network = SyncNetwork(params.width, CODE, window, sample_rate).to(self.device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), LR, weight_decay=WEIGHT_DECAY)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, LR, params.steps, pct_start=WARM)
        self.source = torch.Generator()
        self.curves: Curves | None = None
        self.step = 0

    @property
    def plan(self) -> Plan:
        frames = self.params.batch * self.params.frames
        return Plan(self.params.steps, self.train_batches.per_epoch, frames, 0, SAVE_EVERY, LOG_EVERY)

    @property
    def ended_early(self) -> bool:
        return False

    @property
    def scorer(self) -> Scorer:
        """The network as it is now."""
        return Scorer(self.network, self.data.media.fps, self.device)

    def batches(self) -> Iterator[Batch]:
        return self.train_batches.start(self.step)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Train on one batch, changed at random; the loss. Raises TrainingError."""
        self.source.manual_seed(step_seed(self.params.seed, self.step))
        self.network.train()
        # Half of the picture is half of the work; the still is not needed, but belongs to a batch.
        batch = replace(batch, still=lower_half(batch.still), frames=lower_half(batch.frames))
        batch = augment_sound(augment_pictures(batch, self.source), self.source)
        around = SNIPPET // 2
        heard = self.network.heard(batch.windows[:, around:-around])
        loss = contest(self.network.seen(batch.frames), heard, self.network.sharpness.exp())
        if not math.isfinite(value := loss.item()):
            raise TrainingError("the loss of the sync scorer is not a number", "train with another seed")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        return {"scorer/loss": value}

    def rates(self) -> dict[str, float]:
        return {"rate/scorer": self.optimizer.param_groups[0]["lr"]}

    def save(self) -> None:
        scorer.save(self.folder.path, self.scorer)
        self.folder.save_state(self.data, self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.step = saved["step"]


def contest(seen: Tensor, heard: Tensor, sharpness: Tensor) -> Tensor:
    """Cross-entropy of finding the sound of each snippet in its clip, and the snippet of each sound.

    `seen` and `heard` (B, T, code) are unit vectors of the same moments.
    """
    logits = sharpness * seen @ heard.transpose(1, 2)
    right = torch.arange(logits.shape[1], device=logits.device).repeat(len(logits))
    found = functional.cross_entropy(logits.flatten(0, 1), right)
    return (found + functional.cross_entropy(logits.transpose(1, 2).flatten(0, 1), right)) / 2


def _loading(params: SyncParams) -> LoaderParams:
    return LoaderParams(
        batch=params.batch,
        frames=params.frames,
        seed=params.seed,
        window_seconds=SOUND_SECONDS,
        augment_sound=True,
        workers=0,
    )
