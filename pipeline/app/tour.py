"""The tour: from nothing to a face that says a sentence nobody recorded. `s2f demo` runs it."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from s2f.model.inference import animate
from s2f.model.networks.weights import PRETRAINED
from s2f.model.training import trainer
from s2f.pipeline.app import config
from s2f.pipeline.audit import auditing
from s2f.pipeline.audit.report import record, terminal
from s2f.pipeline.core import files, media
from s2f.pipeline.core.pictures import encode_png
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import progress_lines
from s2f.pipeline.corpora.grid import expand
from s2f.pipeline.demo import corpus, speech
from s2f.pipeline.prep import terminal as preparing
from s2f.pipeline.prep.runner import Preparation

SPEAKERS, CLIPS = 4, 14

# The preset that fits the package's weights to new people in a minute or two; all else is as in stages.yaml.
PRESET = "person"
SETTINGS = [
    "shard.split_by=utterance",
    "shard.shares={train: 0.8, val: 0.2, test: 0}",
]


@dataclass
class Tour:
    """The parts of the tour so far, how long each took, and what it made."""

    console: Console
    parts: list[tuple[str, float, str]] = field(default_factory=list)

    @contextmanager
    def part(self, title: str, made: str) -> Iterator[None]:
        """Announce a part, and note how long it takes."""
        self.console.rule(f"[bold]{title}")
        begun = time.perf_counter()
        yield
        self.parts.append((title, time.perf_counter() - begun, made))

    def table(self) -> Table:
        """What was made, and how long it took."""
        table = Table("part", title="the tour", title_justify="left")
        table.add_column("seconds", justify="right")
        table.add_column("made", overflow="fold")
        for title, seconds, made in self.parts:
            table.add_row(title, f"{seconds:.0f}", made)
        table.add_row("all", f"{sum(seconds for _, seconds, _ in self.parts):.0f}", "")
        return table


def run(folder: Path, console: Console) -> None:
    """Make a corpus, prepare and audit it, fit the package's weights to it, and animate a new sentence.

    Everything lies below `folder`. What an earlier call has finished is not done again.
    """
    files.make_folder(folder)
    raw, out, trained = folder / "raw", folder / "out", folder / "run"
    settings = config.load(None, SETTINGS, PRESET)
    tour = Tour(console)
    with tour.part("corpus", f"{raw}: {SPEAKERS * CLIPS} clips as GRID has them"):
        make_corpus(raw, console)
    with tour.part("prep", f"{out}: manifests, artifacts, shards"):
        preparing.prepare(Preparation(raw, out, settings), console)
    with tour.part("audit", f"{out / 'audit'}: findings, scores"):
        with progress_lines(console) as progress:
            result = auditing.audit(
                PreparedSet(out), settings.audit, workers=0, deep=False, progress=progress
            )
        terminal.show(result, console)
        record.write(result)
    with tour.part("train", f"{trained}: weights, curves, samples"):
        trainer.go_on(PreparedSet(out), trained, settings.train, console, start=PRETRAINED)
    with tour.part("animate", f"{folder / 'unseen.mp4'}"):
        said = animate_unseen(raw, trained, folder)
        console.print(f"“{said}” is in no clip; {folder / 'unseen.mp4'} says it")
    with tour.part("contact sheet", f"{folder / 'contact_sheet.png'}: real frames above generated ones"):
        newest = max((trained / "samples").glob("*.png"))
        files.write_bytes(folder / "contact_sheet.png", newest.read_bytes())
    console.print(tour.table())


def make_corpus(raw: Path, console: Console) -> None:
    """Make the raw clips, unless they are there."""
    plan = corpus.plan_corpus(raw, SPEAKERS, CLIPS, seed=0)
    if all(clip.video.exists() for clip in plan):
        console.print(f"{raw} holds the {len(plan)} clips already")
        return
    made = itertools.count(1)
    with progress_lines(console) as show:
        corpus.make_corpus(
            raw, speakers=SPEAKERS, clips=CLIPS, progress=lambda: show("clips", next(made), len(plan))
        )


def animate_unseen(raw: Path, trained: Path, folder: Path) -> str:
    """Make the first speaker's photo say a sentence that no clip holds; return that sentence."""
    clips = corpus.plan_corpus(raw, SPEAKERS, CLIPS, seed=0)
    unseen = held_out(len(clips))
    speaker = clips[0].speaker
    photo, sound = folder / "photo.png", folder / "unseen.wav"
    picture = next(iter(media.FrameReader(clips[0].video)))
    files.write_bytes(photo, encode_png(picture))
    speech.speak_to_wav(corpus.spoken(unseen), sound, voice=speaker.voice, pitch=speaker.pitch)
    animate.animate(trained, photo, sound, folder / "unseen.mp4")
    return expand(unseen)


def held_out(clips: int, seed: int = 0) -> str:
    """The GRID name of a sentence that a corpus of so many clips does not hold."""
    return corpus.names(clips + 1, seed)[-1]
