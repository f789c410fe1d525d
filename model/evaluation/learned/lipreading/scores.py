"""Word error rates of a reader on the clips of a split, with and without GRID's grammar."""

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

# Chance is the mean over this many random sentences of the grammar per clip.
DRAWS = 100


@dataclass(frozen=True)
class ReadingRow:
    """One way to read: its word error rate over the clips, and its share of right words per slot of GRID."""

    name: str
    wer: Interval
    slots: dict[str, float]


@dataclass(frozen=True)
class ReadingScores:
    """The rows of a split, what is said in each clip (`texts`), and what each row has read in it (`read`)."""

    split: str
    texts: dict[str, str]
    read: dict[str, dict[str, str]]
    rows: tuple[ReadingRow, ...]


def score(
    reader: Reader,
    data: PreparedSet,
    split: str,
    console: Console,
    *,
    limit: int | None = None,
    seed: int = 0,
) -> ReadingScores:
    """Read the clips of a split, or those with a text among the first `limit`, under a progress bar.

    The grammar is used too where most texts are its sentences. Raises InputError where no clip can be read,
    or the frame rate is another one.
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
    by_grammar = fits([each.text for each in utterances])
    for each in tracked(utterances, console, "readings", len(utterances)):
        logs = reader.listen(middle(each.mouths))
        read[FREE][each.clip_id] = transcribe(logs, grammar=False)
        if by_grammar:
            read.setdefault(BOUND, {})[each.clip_id] = transcribe(logs, grammar=True)
    texts = {each.clip_id: each.text for each in utterances}
    rows = [_row(name, texts, [readings], seed) for name, readings in read.items()]
    if by_grammar:
        rows.append(_row(CHANCE, texts, _random_sentences(texts, seed), seed))
    return ReadingScores(split, texts, read, tuple(rows))


def _row(name: str, texts: dict[str, str], attempts: Sequence[dict[str, str]], seed: int) -> ReadingRow:
    """The mean scores of one or several attempts to read all clips."""
    rates = [
        np.mean([word_error_rate(text, read[clip_id]) for read in attempts])
        for clip_id, text in texts.items()
    ]
    slots = {}
    if fits([*texts.values()]):
        sentences = {clip_id: text for clip_id, text in texts.items() if is_sentence(text)}
        right = [words_read(text, read[clip_id]) for read in attempts for clip_id, text in sentences.items()]
        slots = dict(zip(SLOTS, np.mean(right, axis=0).tolist(), strict=True))
    return ReadingRow(name, bootstrap(np.array(rates), seed), slots)


def _random_sentences(texts: dict[str, str], seed: int) -> list[dict[str, str]]:
    """Random sentences of the grammar for each clip, DRAWS times."""
    source = random.Random(seed)
    return [
        {clip_id: " ".join(source.choice(slot) for slot in SLOTS.values()) for clip_id in texts}
        for _ in range(DRAWS)
    ]


def table(scores: ReadingScores) -> Table:
    """The rows; rates in %, with the bounds of their 95 % intervals."""
    title = f"{scores.split} split, {len(scores.texts)} clips: word error rate in %, right words in %"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", padding=0)
    table.add_column("", no_wrap=True)
    table.add_column("WER", justify="right", no_wrap=True)
    slots = scores.rows[0].slots
    for slot in slots:
        table.add_column(slot, justify="right")
    for row in scores.rows:
        wer = f"{100 * row.wer.mean:.1f}"
        if row.name != CHANCE and np.isfinite(row.wer.low):
            wer += f"\n{100 * row.wer.low:.1f} to {100 * row.wer.high:.1f}"
        table.add_row(row.name, wer, *(f"{100 * row.slots[slot]:.0f}" for slot in slots))
    return table


def write_json(scores: ReadingScores, path: Path) -> None:
    """Write the rows, and what is said and was read in each clip. Raises OutputError."""
    rows = [asdict(row) for row in scores.rows]
    for row in rows:
        row["wer"] = {name: value if np.isfinite(value) else None for name, value in row["wer"].items()}
    clips = [
        {"clip_id": clip_id, "text": text, **{name: read[clip_id] for name, read in scores.read.items()}}
        for clip_id, text in scores.texts.items()
    ]
    content = {"split": scores.split, "rows": rows, "clips": clips}
    files.write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
