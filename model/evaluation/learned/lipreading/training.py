"""Shards → a lip reader. All clips are kept in memory, a quarter of a megabyte for each of 3 s."""

import itertools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml
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
from s2f.model.training.terminal import stop_requests
from s2f.pipeline.core.errors import CheckpointError, InputError, TrainingError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import duration, progress_bar

SETTINGS = "lipread.yaml"
METRICS = "metrics.jsonl"

# The gradient's largest norm: CTC's is steep where the right path has next to no probability.
STEEPEST = 5.0
WEIGHT_DECAY = 0.01
# The share of the training in which the learning rate rises.
RISING = 0.1


def train(
    data: PreparedSet, run: Path, params: LipreadParams, *, start: Path | None = None, console: Console
) -> float:
    """Train a reader on the shards in `data`, from the weights of the run `start` or from random ones.

    The folder `run` gets the weights with the best word error rate on the val split, which is returned,
    or the last ones where that split is empty. Ctrl-C ends the training early. Raises InputError where
    the shards do not serve, CheckpointError where a folder does not, TrainingError where the loss is
    not finite.
    """
    if (run / run_files.KIND.description).exists():
        raise CheckpointError(f"{run} already holds a lip reader", "give another folder")
    if params.threads:
        torch.set_num_threads(params.threads)
    torch.manual_seed(params.seed)
    shards, others = data.split_or_empty("train"), data.split_or_empty("val")
    if not shards:
        raise InputError(f"{data} has no clips in the split 'train'", "see shard.shares in docs/stages.md")
    network = load_reader(start, best_device()).network if start else new_network(params)
    reader = Reader(network, data.media.fps)
    utterances = read_utterances(shards, console)
    validation = read_utterances(others, console) if others else []
    make_folder(run)
    write_bytes(run / SETTINGS, yaml.safe_dump(params.model_dump(), sort_keys=False).encode())
    run_files.describe(run, reader)
    return Training(reader, params, utterances, validation, run, console).go()


def new_network(params: LipreadParams) -> LipNet:
    """A network with random weights, of the sizes that the settings ask for."""
    return LipNet(width=params.width, hidden=params.hidden, dropout=params.dropout).to(best_device())


class Training:
    """What the loop works with, and what it has reached."""

    def __init__(
        self,
        reader: Reader,
        params: LipreadParams,
        utterances: list[Utterance],
        validation: list[Utterance],
        run: Path,
        console: Console,
    ) -> None:
        self.reader, self.params, self.run, self.console = reader, params, run, console
        self.utterances, self.validation = utterances, validation
        # Where it serves, the grammar decides which weights are kept.
        self.grammar = fits([each.text for each in validation])
        self.device = next(reader.network.parameters()).device
        weights = reader.network.parameters()
        self.optimizer = torch.optim.AdamW(weights, params.rate, weight_decay=WEIGHT_DECAY)
        self.random = np.random.default_rng(params.seed)
        self.steps = params.epochs * math.ceil(len(utterances) / params.batch)
        self.step, self.frames, self.seconds = 0, 0, 0.0
        self.rows: list[dict[str, float]] = []
        self.best = math.nan

    def go(self) -> float:
        """Train to the end, or until a person stops it; returns the best word error rate."""
        weights = sum(weight.numel() for weight in self.reader.network.parameters())
        self.console.print(
            f"training on {self.device}: {len(self.utterances):,} clips,"
            f" {len(self.validation):,} to validate on; {weights / 1e6:.2f} M weights"
        )
        with stop_requests() as stop, progress_bar(self.console) as bar:
            task = bar.add_task("steps", total=self.steps, speed="")
            for epoch in range(1, self.params.epochs + 1):
                losses = []
                for batch in self._batches():
                    losses.append(self.learn(batch))
                    bar.update(task, advance=1, speed=f"{self.frames / self.seconds:,.0f} frames/s")
                    if stop:
                        break
                if stop or epoch % self.params.validate_every == 0 or epoch == self.params.epochs:
                    self._validate(epoch, float(np.mean(losses)))
                if stop:
                    self.console.print(f"stopped in epoch {epoch}")
                    break
        return self.best

    def _batches(self) -> Iterator[list[Utterance]]:
        """All utterances once, in an order drawn anew."""
        order = self.random.permutation(len(self.utterances))
        for begin in range(0, len(order), self.params.batch):
            yield [self.utterances[number] for number in order[begin : begin + self.params.batch]]

    def learn(self, batch: list[Utterance]) -> float:
        """One step; returns the loss per character. Raises TrainingError."""
        begun = time.perf_counter()
        mouths = [
            varied(each.mouths, self.random) if self.params.augment else middle(each.mouths) for each in batch
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
            raise TrainingError(f"the loss of step {self.step + 1} is not finite", "lower lipread.rate")
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.rate * schedule(self.step, self.steps)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.reader.network.parameters(), STEEPEST)
        self.optimizer.step()
        self.step += 1
        self.frames += sum(lengths)
        self.seconds += time.perf_counter() - begun
        return value

    def _validate(self, epoch: int, loss: float) -> None:
        """Read the val split, keep the weights unless others read it better, and say how it went."""
        rates = self._rates()
        # Without a val split nothing is known, and the newest weights are kept.
        judged = rates[-1] if rates else math.nan
        better = not judged > self.best
        if better:
            self.best = judged
            run_files.save_weights(self.run, self.reader)
        scores = dict(zip(("wer", "wer_grammar"), rates, strict=False))
        self.rows.append({"epoch": epoch, "step": self.step, "loss": loss, **scores})
        write_bytes(self.run / METRICS, "".join(json.dumps(row) + "\n" for row in self.rows).encode())
        left = self.seconds / self.step * (self.steps - self.step)
        told = [f"WER {100 * rates[0]:.1f} %"] if rates else []
        told += [f"with the grammar {100 * rates[1]:.1f} %"] if self.grammar and rates else []
        told += ["best"] if better and rates else []
        self.console.print(
            f"epoch {epoch} of {self.params.epochs}: {', '.join([f'loss {loss:.3f}', *told])};"
            f" {self.frames / self.seconds:,.0f} frames/s, {duration(left)} left",
            highlight=False,
            soft_wrap=True,
        )

    def _rates(self) -> list[float]:
        """The word error rate on the val split, and with the grammar where it serves; none without clips."""
        if not self.validation:
            return []
        logs = [self.reader.listen(middle(each.mouths)) for each in self.validation]
        return [
            float(
                np.mean(
                    [
                        word_error_rate(each.text, transcribe(found, grammar))
                        for each, found in zip(self.validation, logs, strict=True)
                    ]
                )
            )
            for grammar in ((False, True) if self.grammar else (False,))
        ]


def schedule(step: int, steps: int) -> float:
    """The share of the highest rate at a step: it rises in a line, then falls as a cosine, to 0."""
    rising = max(1, round(RISING * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
