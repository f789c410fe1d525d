"""The checks of a set as a whole: its speakers, splits, sync and shards."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from s2f.pipeline.audit import verification
from s2f.pipeline.audit.clips import Clips
from s2f.pipeline.audit.findings import Finding, Level
from s2f.pipeline.audit.measures import lag as sync
from s2f.pipeline.audit.measures.lag import Lag
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.schema import Row
from s2f.pipeline.core.windows import lag_in_words
from s2f.pipeline.corpora import open_corpus
from s2f.pipeline.prep.sharding import has_size
from s2f.pipeline.stages.shard import SPLITS

# The name under which the clips of all speakers are pooled.
ALL = "all speakers"
# A lag counts if so many draws of other clips agree with it to a frame.
SURE = 0.9


def judge(
    clips: Clips, lags: dict[str, Lag], shards: Sequence[Row], out: Place, params: AuditParams, *, deep: bool
) -> Iterator[Finding]:
    """The findings of all checks of the set."""
    yield _lost(clips, params)
    yield _unmeasured(clips)
    yield _known(clips)
    yield _same_face(clips)
    yield _speaker_leak(clips)
    yield _sentence_leak(clips)
    yield _splits(clips)
    yield _balance(clips, params)
    yield _sync(clips, lags, params)
    yield _files(shards, out, deep=deep)
    yield _stale(clips, shards)


def lags(clips: Clips, least: int) -> dict[str, Lag]:
    """How sound and mouth lie to each other, of all clips and of each speaker with at least `least` clips."""
    known = np.array([number in clips.curves for number in range(len(clips))], bool)
    groups = {ALL: np.flatnonzero(known).tolist(), **clips.of_speakers(known)}
    return {
        name: sync.pool(np.stack([clips.curves[number] for number in numbers]))
        for name, numbers in groups.items()
        if len(numbers) >= least
    }


def _finding(
    check: str,
    title: str,
    level: Level,
    meaning: str,
    advice: str,
    expected: str,
    observed: str,
    flagged: Iterable[str] = (),
    details: Iterable[str] = (),
) -> Finding:
    wrong = tuple(flagged)
    told = tuple(details)
    return Finding(
        check, title, level if wrong else "ok", "", expected, observed, meaning, advice, wrong, (), told
    )


def _lost(clips: Clips, params: AuditParams) -> Finding:
    lost = [number for number, status in enumerate(clips.status) if status != "ok"]
    reasons = Counter(f"{clips.stage[number]}: {clips.reason[number]}" for number in lost)
    share = len(lost) / max(1, len(clips))
    return _finding(
        "set.lost",
        "Clips lost in prep",
        "warning",
        "Prep could not use these clips; each has a row with its reason.",
        "Read the reasons; 's2f prep --retry-failed' tries again what failed.",
        f"at most {100 * params.max_lost:.3g} %",
        f"{len(lost)} of {len(clips)} clips ({100 * share:.3g} %)",
        [clips.ids[number] for number in lost] if share > params.max_lost else (),
        [f"{reason} {count}" for reason, count in reasons.most_common()],
    )


def _unmeasured(clips: Clips) -> Finding:
    return _finding(
        "set.unmeasured",
        "Clips that could be measured",
        "error",
        "What prep has made of these clips cannot be read, so that nothing is known of them.",
        "Run 's2f verify', then 's2f prep' again.",
        "all",
        f"{len(clips.unmeasured)} could not",
        clips.unmeasured,
        [f"{clip_id}: {told}" for clip_id, told in clips.unmeasured.items()],
    )


def _known(clips: Clips) -> Finding:
    found = Counter(zip(clips.corpus, clips.speaker, strict=True))
    known = {each: open_corpus(each[0]).known_clips(each[1]) for each in found}
    other = {each: count for each, count in sorted(found.items()) if known[each] not in (None, count)}
    whole = sum(1 for count in known.values() if count is not None)
    return _finding(
        "set.known",
        "Known corpus",
        "note",
        "The corpus is known to hold another number of clips of these speakers.",
        "A part of a corpus is fine if you meant it; else fetch what is missing, and see what is too much.",
        "as many as the corpus holds",
        f"{len(other)} of {whole} known speakers have another number",
        [speaker for _, speaker in other],
        [f"{each[1]}: {count} of {known[each]:,}" for each, count in other.items()],
    )


def _same_face(clips: Clips) -> Finding:
    pairs = clips.identities.shared
    return _finding(
        "set.same_face",
        "One face, one speaker",
        "error",
        "Two speakers have the same face, so that one person may stand in two splits.",
        "Give both one folder, or move the clips to where they belong.",
        "none",
        f"{len(pairs)} pairs of speakers",
        sorted({name for pair in pairs for name in pair}),
        [f"{one} and {other}" for one, other in pairs],
    )


def _speaker_leak(clips: Clips) -> Finding:
    leaks = _in_two(clips, clips.speaker)
    return _finding(
        "set.speaker_leak",
        "Speakers in one split",
        "warning",
        "These speakers stand in more than one split: the test is on faces and voices that were learnt.",
        "Set shard.split_by to speaker, unless the test is meant to be on the same people.",
        "none",
        f"{len(leaks)} of {len(set(clips.speaker))} speakers",
        leaks,
        [f"{name}: {', '.join(splits)}" for name, splits in leaks.items()],
    )


def _sentence_leak(clips: Clips) -> Finding:
    leaks = _in_two(clips, [text or "" for text in clips.text])
    return _finding(
        "set.sentence_leak",
        "Sentences in one split",
        "warning",
        "These sentences are spoken in more than one split, word for word: a test can be passed by heart.",
        "Prefer a split by sentence too, or say so beside the results.",
        "none",
        f"{len(leaks)} of {len({text for text in clips.text if text})} sentences",
        leaks,
        [f"“{text}”: {', '.join(splits)}" for text, splits in leaks.items()],
    )


def _in_two(clips: Clips, name: Sequence[str]) -> dict[str, list[str]]:
    """Names whose clips stand in more than one split, with those splits."""
    where: dict[str, set[str]] = defaultdict(set)
    for each, split in zip(name, clips.split, strict=True):
        if each and split:
            where[each].add(split)
    return {each: sorted(splits) for each, splits in sorted(where.items()) if len(splits) > 1}


def _splits(clips: Clips) -> Finding:
    empty = [split for split in SPLITS if split not in clips.split]
    return _finding(
        "set.splits",
        "Splits",
        "note",
        "A split without clips cannot be trained, validated or tested on.",
        "Set shard.shares, or name speakers for it.",
        "none empty",
        f"{len(empty)} of {len(SPLITS)} are empty",
        empty,
    )


def _balance(clips: Clips, params: AuditParams) -> Finding:
    training = clips.of_speakers(np.array([split == "train" for split in clips.split], bool))
    hours = {name: float(clips.hours[numbers].sum()) for name, numbers in training.items()}
    whole = sum(hours.values())
    shares = {name: hours[name] / whole for name in sorted(hours, key=lambda each: -hours[each])}
    most = max(shares.values(), default=0.0)
    return _finding(
        "set.balance",
        "Balance of speakers",
        "note",
        "One speaker has much of the train split: the model will know this face best.",
        "Leave out some of the clips, or gather more of others.",
        f"at most {100 * params.max_share:.3g} % of the train split each",
        f"{100 * most:.3g} %",
        [name for name, share in shares.items() if share > params.max_share and len(shares) > 1],
        [f"{name}: {100 * share:.3g} %" for name, share in list(shares.items())[:3]],
    )


def _sync(clips: Clips, lags: dict[str, Lag], params: AuditParams) -> Finding:
    wrong = {name: lag for name, lag in lags.items() if abs(lag.peak) > params.max_lag and lag.sure >= SURE}
    speakers = {name: lag for name, lag in wrong.items() if name != ALL} or wrong
    return _finding(
        "sync.lag",
        "Sound and lips together",
        "error",
        "Pooled over the clips of a speaker, mouth and loudness fit best when the sound is moved.",
        "Move the sound of these clips back before prep; one clip alone proves nothing here.",
        f"within {params.max_lag:.3g} frames, of speakers with {params.sync_clips} clips or more",
        f"{len(speakers)} of {len(lags.keys() - {ALL})} speakers are apart"
        if lags
        else f"no speaker has {params.sync_clips} clips",
        speakers,
        [
            f"{name}: {lag_in_words(lag.peak, lag.peak * clips.frame_ms)};"
            f" {100 * lag.sure:.0f} % of draws agree, {lag.clips} clips"
            for name, lag in lags.items()
        ],
    )


def _files(shards: Sequence[Row], out: Place, *, deep: bool) -> Finding:
    problems = {row["shard"]: _problems(out / "shards" / row["shard"], row, deep=deep) for row in shards}
    wrong = {name: told for name, told in problems.items() if told}
    looked = "hash, members and content" if deep else "size; --deep reads everything"
    return _finding(
        "shards.files",
        "Shard files",
        "error",
        "These tars are not as they were written.",
        "Delete them: the next 's2f prep' makes them again.",
        f"as in the shard manifest ({looked})",
        f"{len(wrong)} of {len(shards)} are not",
        wrong,
        [f"{name}: {each}" for name, told in wrong.items() for each in told[:5]],
    )


def _problems(path: Place, row: Row, *, deep: bool) -> list[str]:
    if not path.exists():
        return ["is missing"]
    if not has_size(path, row["bytes"]):
        return [f"has {path.stat().st_size:,} bytes, not {row['bytes']:,}"]
    return [damage.problem for damage in verification.of_shard(path, row)] if deep else []


def _stale(clips: Clips, shards: Sequence[Row]) -> Finding:
    stored = {clip["clip_id"] for row in shards for clip in row["clips"]}
    passed = {clip_id for clip_id, split in zip(clips.ids, clips.split, strict=True) if split}
    wrong = sorted(stored ^ passed)
    return _finding(
        "shards.stale",
        "Shards up to date",
        "warning",
        "The shards hold other clips than the manifests say.",
        "Run 's2f prep' to its end.",
        "the clips that passed",
        f"{len(wrong)} of {len(stored | passed)} clips differ",
        wrong,
    )
