"""The page of a study and its key: the page has the clips under random ids, the key tells which is real.

Each viewer sees each name once, so that nobody compares two versions of it from memory: the trials
are dealt into forms by a Latin square, and each viewer gets a form at random. A form has equally many
trials of each version, to within one.
"""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2f.model.evaluation.study.clips import Encoded, Match, encode
from s2f.model.evaluation.study.schema import Key, Origin
from s2f.pipeline.core import files
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.html import rendering

# A page of more bytes is hard to send.
MUCH = 50_000_000
# What a viewer needs beside watching, per question, for the estimate on the first page.
SECONDS_TO_CHOOSE = 5

TITLE = "Real or generated?"


@dataclass(frozen=True)
class Made:
    """What was written: the page and its size, the key, how many clips; how many questions a viewer gets."""

    page: Path
    key: Path
    bytes: int
    clips: int
    questions: int

    def in_words(self) -> str:
        """The same as two sentences."""
        questions = "1 question" if self.questions == 1 else f"{self.questions} questions"
        return (
            f"{self.page}: {self.clips} clips, {questions} for each viewer,"
            f" {self.bytes / 1e6:.1f} MB\n{self.key}: tells which clip is which; keep it to yourself"
        )


def size_warning(made: Made) -> str:
    """What to know of a page that is hard to send, or nothing."""
    if made.bytes <= MUCH:
        return ""
    return f"a page of {made.bytes / 1e6:.0f} MB is more than most mails take; --limit makes it smaller"


@dataclass(frozen=True)
class _Trial:
    """A question: its clips by id, and where they come from."""

    id: str
    clips: dict[str, bytes]
    origins: dict[str, Origin]


def make(
    matches: Sequence[Match],
    out: Path,
    *,
    pairs: bool = False,
    title: str = TITLE,
    seed: int = 0,
    show: Callable[[int], None] = lambda done: None,
) -> Made:
    """Write a study of the matched videos to `out`, and its key beside it; `show` is told of each name done.

    The same videos and seed give the same study. Raises InputError where a video does not serve, or
    where the key of another study is in the way.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out} does not end in .html", "give the page such a name")
    files.make_folder(out.parent)
    # Not from the seed alone: who has this program could make the ids again.
    origin = f"{seed} {pairs} {_fingerprint(matches)}"
    study = hashlib.sha256(origin.encode()).hexdigest()[:16]
    key_path = out.with_suffix(".key.json")
    _spare(key_path, study)
    encoded = []
    for done, videos in enumerate(matches, start=1):
        encoded.append(encode(videos))
        show(done)
    chance = random.Random(origin)
    chance.shuffle(encoded)
    systems = list(matches[0].made)
    versions = systems if pairs else [None, *systems]
    forms: list[list[_Trial]] = [[] for _ in versions]
    for place, clips in enumerate(encoded):
        for number, form in enumerate(forms):
            form.append(_trial(clips, versions[(place + number) % len(versions)], pairs, chance))
    trials = [trial for form in forms for trial in form]
    key = Key(
        format=1,
        study=study,
        title=title,
        pairs=pairs,
        systems=systems,
        trials={trial.id: trial.origins for trial in sorted(trials, key=lambda each: each.id)},
    )
    text = _render(key, forms, _minutes(encoded, pairs)).encode()
    files.write_bytes(key_path, (key.model_dump_json(indent=1) + "\n").encode())
    files.write_bytes(out, text)
    return Made(out, key_path, len(text), sum(len(trial.clips) for trial in trials), len(encoded))


def _trial(clips: Encoded, system: str | None, pairs: bool, chance: random.Random) -> _Trial:
    """The question about one version of a name: alone, or beside the real clip.

    A clip that is in several trials has another id in each, so that ids do not tell which ones recur.
    """
    shown = {None, system} if pairs else {system}
    names = sorted(f"{chance.getrandbits(48):012x}" for _ in shown)
    ids = dict(zip(chance.sample(names, len(names)), sorted(shown, key=str), strict=True))
    return _Trial(
        f"{chance.getrandbits(48):012x}",
        {name: clips.real if ids[name] is None else clips.made[str(ids[name])] for name in names},
        {name: Origin(name=clips.name, system=ids[name]) for name in names},
    )


def _render(key: Key, forms: Sequence[Sequence[_Trial]], minutes: int) -> str:
    plan = {
        "study": key.study,
        "pairs": key.pairs,
        "minutes": minutes,
        "forms": [[{"id": trial.id, "clips": list(trial.clips)} for trial in form] for form in forms],
    }
    clips = dict(sorted(clip for form in forms for trial in form for clip in trial.clips.items()))
    return rendering.render(__name__, "study.html", title=key.title, plan=plan, clips=clips)


def _minutes(encoded: Sequence[Encoded], pairs: bool) -> int:
    """About how long a viewer takes."""
    watching = sum(clips.seconds for clips in encoded) * (2 if pairs else 1)
    return max(1, round((watching + len(encoded) * SECONDS_TO_CHOOSE) / 60))


def _fingerprint(matches: Sequence[Match]) -> str:
    """A hash of all videos and of the systems' names."""
    parts = [
        f"{videos.name} {system} {files.sha256(path)}"
        for videos in matches
        for system, path in {"": videos.real, **videos.made}.items()
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _spare(path: Path, study: str) -> None:
    """Keep the key of another study: without it, answers that were given cannot be scored."""
    try:
        if not path.exists() or json.loads(path.read_text(encoding="utf-8"))["study"] == study:
            return
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise InputError(
        f"{path} is there already and belongs to another study",
        "give another --out, or delete it if nobody has answered",
    )
