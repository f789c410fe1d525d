"""How well a reader reads the clips of a split: word error rates, with and without GRID's grammar."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from s2f.model.evaluation.learned.lipreading.grammar import fits, is_sentence
from s2f.model.evaluation.learned.lipreading.mouths import middle, read_utterances
from s2f.model.evaluation.learned.lipreading.reader import Reader, transcribe
from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.metrics.words import word_error_rate, words_read
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import tracked
from s2f.pipeline.corpora.grid import SLOTS

FREE, BOUND, CHANCE = "without grammar", "with grammar", "chance"

# So many random sentences of the grammar stand for chance, per clip.
DRAWS = 100


@dataclass(frozen=True)
class Row:
    """Word error rate over the clips, and the share of right words per slot of GRID's sentences."""

    name: str
    wer: Interval
    slots: dict[str, float]


@dataclass(frozen=True)
class Scores:
    """What was said in each clip, what was read by the name of the row, and the rows."""

    split: str
    texts: dict[str, str]
    read: dict[str, dict[str, str]]
    rows: tuple[Row, ...]


def score(
    reader: Reader,
    data: PreparedSet,
    split: str,
    console: Console,
    *,
    limit: int | None = None,
    seed: int = 0,
) -> Scores:
    """Read the clips of a split, or the first `limit` of those with a text, under a progress bar.

    With the grammar only where most texts are its sentences. Raises InputError where the data
    does not serve.
    """
    shards = data.split(split)
    fps = data.media.fps
    if fps != reader.fps:
        raise InputError(
            f"the lip reader was trained on {reader.fps} frames per second, the clips have {fps}",
            "give a set prepared with the same detect.fps",
        )
    utterances = read_utterances(shards, console, limit)
    read: dict[str, dict[str, str]] = {FREE: {}}
    bound = fits([each.text for each in utterances])
    for each in tracked(utterances, console, "readings", len(utterances)):
        logs = reader.listen(middle(each.mouths))
        read[FREE][each.clip_id] = transcribe(logs, grammar=False)
        if bound:
            read.setdefault(BOUND, {})[each.clip_id] = transcribe(logs, grammar=True)
    texts = {each.clip_id: each.text for each in utterances}
    rows = [_row(name, texts, [found], seed) for name, found in read.items()]
    if bound:
        rows.append(_row(CHANCE, texts, _guesses(texts, seed), seed))
    return Scores(split, texts, read, tuple(rows))


def _row(name: str, texts: dict[str, str], attempts: Sequence[dict[str, str]], seed: int) -> Row:
    """The scores of one or several attempts at all clips."""
    rates = [
        np.mean([word_error_rate(text, read[clip_id]) for read in attempts])
        for clip_id, text in texts.items()
    ]
    slots = {}
    if fits([*texts.values()]):
        sentences = {clip_id: text for clip_id, text in texts.items() if is_sentence(text)}
        right = [words_read(text, read[clip_id]) for read in attempts for clip_id, text in sentences.items()]
        slots = dict(zip(SLOTS, np.mean(right, axis=0).tolist(), strict=True))
    return Row(name, bootstrap(np.array(rates), seed), slots)


def _guesses(texts: dict[str, str], seed: int) -> list[dict[str, str]]:
    """Sentences of the grammar, drawn without looking."""
    chance = random.Random(seed)
    return [
        {clip_id: " ".join(chance.choice(slot) for slot in SLOTS.values()) for clip_id in texts}
        for _ in range(DRAWS)
    ]


def table(found: Scores) -> Table:
    """A line per row; the rates in %, with the bounds of their 95 % intervals."""
    title = f"{found.split} split, {len(found.texts)} clips: word error rate in %, right words in %"
    shown = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=0)
    shown.add_column("", no_wrap=True)
    shown.add_column("WER", justify="right", no_wrap=True)
    slots = found.rows[0].slots
    for slot in slots:
        shown.add_column(slot, justify="right")
    for row in found.rows:
        wer = f"{100 * row.wer.mean:.1f}"
        if row.name != CHANCE and np.isfinite(row.wer.low):
            wer += f"\n{100 * row.wer.low:.1f} to {100 * row.wer.high:.1f}"
        shown.add_row(row.name, wer, *(f"{100 * row.slots[slot]:.0f}" for slot in slots))
    return shown


def write_json(found: Scores, path: Path) -> None:
    """Write the rows, and what was said and read in each clip. Raises OutputError."""
    rows = [asdict(row) for row in found.rows]
    for row in rows:
        row["wer"] = {name: value if np.isfinite(value) else None for name, value in row["wer"].items()}
    clips = [
        {"clip_id": clip_id, "text": text, **{name: read[clip_id] for name, read in found.read.items()}}
        for clip_id, text in found.texts.items()
    ]
    content = {"split": found.split, "rows": rows, "clips": clips}
    files.write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
