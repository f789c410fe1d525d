"""Shards → a lip reader. All clips are kept in memory, a quarter of a megabyte for each of 3 s."""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch.nn import functional

from s2f.model.evaluation.learned.lipreading import reader as run_files
from s2f.model.evaluation.learned.lipreading.config import LipreadParams
from s2f.model.evaluation.learned.lipreading.grammar import fits
from s2f.model.evaluation.learned.lipreading.labels import encode
from s2f.model.evaluation.learned.lipreading.mouths import Utterance, middle, read_utterances, varied
from s2f.model.evaluation.learned.lipreading.network import LipNet
from s2f.model.evaluation.learned.lipreading.reader import Reader, load_reader, transcribe
from s2f.model.metrics.words import word_error_rate
from s2f.model.networks.device import best_device
from s2f.model.training.curves import Curves, read_metrics
from s2f.model.training.distributed import Distributed
from s2f.model.training.loop import Breakable, has_ended, run_loop
from s2f.model.training.run_folder import RunFolder
from s2f.model.training.schedule import step_seed, warm_cosine
from s2f.model.training.terminal import Display, Plan, ScoreWords
from s2f.pipeline.core.errors import InputError, TrainingError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import duration

SETTINGS = "lipread.yaml"

# The gradient's largest norm: CTC's is steep where the right path has next to no probability.
STEEPEST = 5.0
WEIGHT_DECAY = 0.01
# The share of the training in which the learning rate rises.
RISING = 0.1


def run_folder(run: Path) -> RunFolder:
    """The folder of a lip reader's training."""
    return RunFolder(run, run_files.KIND, "lip reader", SETTINGS)


def train(
    data: PreparedSet,
    run: Path,
    params: LipreadParams,
    *,
    start: Path | None = None,
    resume: bool = False,
    console: Console,
) -> float:
    """Train a reader on the shards in `data`, from the weights of the run `start` or from random ones.

    The folder `run` gets the weights with the best word error rate on the val split, which is returned,
    or the last ones where that split is empty. Ctrl-C stops the training, saved; stopped and resumed, it
    ends with the weights of one that was not. Raises InputError where the shards do not serve,
    CheckpointError where a folder does not, TrainingError where the loss is not finite.
    """
    if params.threads:
        torch.set_num_threads(params.threads)
    folder = run_folder(run)
    saved = folder.checkpoint(data, params, resume=resume)
    shards, others = data.split_or_empty("train"), data.split_or_empty("val")
    if not shards:
        raise InputError(f"{data} has no clips in the split 'train'", "see shard.shares in docs/stages.md")
    start = folder.start(start, resume=resume)
    torch.manual_seed(params.seed)
    network = load_reader(start, best_device()).network if start and not saved else None
    if saved:
        # A reader that began with the weights of another one has that one's sizes.
        network = LipNet(**saved["arguments"]).to(best_device())
    reader = Reader(network or new_network(params), data.media.fps)
    utterances = read_utterances(shards, console)
    validation = read_utterances(others, console) if others else []
    trainee = LipTrainee(reader, params, utterances, validation, folder, data, console)
    if saved:
        folder.restore(trainee, saved)
    if has_ended(trainee, run, console):
        return trainee.best
    with folder.alone(resume=resume):
        folder.write(data, params, start)
        if not saved:
            run_files.describe(run, reader)
        trainee.announce()
        trainee.curves = Curves(run, trainee.step)
        display = Display(console, trainee.step, trainee.plan, validations=read_metrics(run), words=WORDS)
        run_loop(trainee, display, run, console)
    return trainee.best


def new_network(params: LipreadParams) -> LipNet:
    """A network with random weights, of the sizes that the settings ask for."""
    return LipNet(width=params.width, hidden=params.hidden, dropout=params.dropout).to(best_device())


class LipTrainee:
    """The lip reader as the loop trains it."""

    def __init__(
        self,
        reader: Reader,
        params: LipreadParams,
        utterances: list[Utterance],
        validation: list[Utterance],
        folder: RunFolder,
        data: PreparedSet,
        console: Console,
    ) -> None:
        self.reader, self.params, self.folder, self.data = reader, params, folder, data
        self.utterances, self.validation, self.console = utterances, validation, console
        # Where it serves, the grammar decides which weights are kept.
        self.grammar = fits([each.text for each in validation])
        self.device = next(reader.network.parameters()).device
        self.distributed = Distributed(self.device)
        self.optimizer = torch.optim.AdamW(reader.network.parameters(), params.lr, weight_decay=WEIGHT_DECAY)
        self.curves: Curves | None = None
        self.step = 0
        self.best = math.nan
        # Of the steps since the last validation.
        self.losses: list[float] = []

    @functools.cached_property
    def plan(self) -> Plan:
        per_epoch = max(1, math.ceil(len(self.utterances) / self.params.batch))
        often = self.params.validate_every * per_epoch
        frames = sum(len(each.mouths) for each in self.utterances) // per_epoch
        return Plan(self.params.epochs * per_epoch, per_epoch, frames, often, often, per_epoch)

    @property
    def epoch(self) -> int:
        """The number of the epoch, from 1 on."""
        return max(0, self.step - 1) // self.plan.per_epoch + 1

    @property
    def ended_early(self) -> bool:
        return False

    def announce(self) -> None:
        """Say what is trained."""
        weights = sum(weight.numel() for weight in self.reader.network.parameters())
        begin = f"resuming at step {self.step:,}" if self.step else "training"
        self.console.print(
            f"{begin} on {self.device}: {len(self.utterances):,} clips,"
            f" {len(self.validation):,} to validate on; {weights / 1e6:.2f} M weights"
        )

    def batches(self) -> Iterator[list[Utterance]]:
        """All utterances once per epoch, in an order that is drawn for each."""
        epoch, done = divmod(self.step, self.plan.per_epoch)
        while True:
            order = np.random.default_rng((self.params.seed, epoch)).permutation(len(self.utterances))
            for first in range(done * self.params.batch, len(order), self.params.batch):
                yield [self.utterances[number] for number in order[first : first + self.params.batch]]
            epoch, done = epoch + 1, 0

    def train_step(self, batch: list[Utterance]) -> dict[str, float]:
        """Train on a batch; the loss per character. Raises TrainingError."""
        seed = step_seed(self.params.seed, self.step)
        torch.manual_seed(seed)
        random = np.random.default_rng(seed)
        mouths = [
            varied(each.mouths, random) if self.params.augment else middle(each.mouths) for each in batch
        ]
        lengths = [len(each) for each in mouths]
        # Shorter clips stand still at their end.
        filled = [np.pad(each, ((0, max(lengths) - len(each)), (0, 0), (0, 0)), "edge") for each in mouths]
        texts = [encode(each.text) for each in batch]
        self.reader.network.train()
        logits = self.reader.network(torch.from_numpy(np.stack(filled)).to(self.device))
        loss = functional.ctc_loss(
            logits.log_softmax(dim=-1).transpose(0, 1),
            torch.tensor(list(itertools.chain.from_iterable(texts)), device=self.device),
            torch.tensor(lengths),
            torch.tensor([len(text) for text in texts]),
            # A clip with less frames than its text has characters teaches nothing.
            zero_infinity=True,
        )
        if not math.isfinite(value := loss.item()):
            raise TrainingError(f"the loss of step {self.step + 1} is not finite", "lower lipread.lr")
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.lr * warm_cosine(self.step, self.plan.steps, RISING)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.reader.network.parameters(), STEEPEST)
        self.optimizer.step()
        self.step += 1
        self.losses.append(value)
        return {"reader/loss": value}

    def rates(self) -> dict[str, float]:
        return {"rate/reader": self.optimizer.param_groups[0]["lr"]}

    def validate(self, display: Display, breakable: Breakable) -> None:
        """Read the val split, keep the weights unless others read it better, and say how it went."""
        with breakable:
            rates = self._rates()
        # Without a val split nothing is known, and the newest weights are kept.
        judged = rates[-1] if rates else math.nan
        better = not judged > self.best
        if better:
            self.best = judged
            run_files.save_weights(self.folder.path, self.reader)
        loss = float(np.mean(self.losses))
        self.losses.clear()
        scores = dict(zip(("wer", "wer_grammar"), rates, strict=False))
        if self.curves:
            self.curves.write_scores(self.step, {"epoch": self.epoch, "loss": loss, **scores})
        left = duration(display.pace.left(self.plan.steps - self.step))
        display.show_validation(
            {"loss": loss, **scores},
            better=better and bool(rates),
            head=f"epoch {self.epoch} of {self.params.epochs}: loss {loss:.3f}{', ' if rates else ''}",
            tail=f"; {display.pace.speed:,.0f} frames/s, {left} left",
        )

    def save(self) -> None:
        if not (self.folder.path / run_files.KIND.weights).exists() or math.isnan(self.best):
            # Until a validation has found better ones, the newest weights are kept.
            run_files.save_weights(self.folder.path, self.reader)
        self.folder.save_state(self.data, self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return {
            "arguments": self.reader.network.arguments,
            "network": self.reader.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best": self.best,
            "losses": self.losses,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.reader.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.best, self.losses = saved["step"], saved["best"], saved["losses"]

    def _rates(self) -> list[float]:
        """The word error rate on the val split, and with the grammar where it serves; none without clips."""
        if not self.validation:
            return []
        logs = [self.reader.listen(middle(each.mouths)) for each in self.validation]
        return [
            float(
                np.mean(
                    [
                        word_error_rate(each.text, transcribe(log, grammar))
                        for each, log in zip(self.validation, logs, strict=True)
                    ]
                )
            )
            for grammar in ((False, True) if self.grammar else (False,))
        ]


def words(scores: Mapping[str, float]) -> list[str]:
    """The word error rates of a validation."""
    parts = [f"WER {100 * scores['wer']:.1f} %"] if "wer" in scores else []
    if "wer_grammar" in scores:
        parts.append(f"with the grammar {100 * scores['wer_grammar']:.1f} %")
    return parts


WORDS = ScoreWords("wer", words)
