"""Checks of the set as a whole: what is twice in it, what is lost, its speakers and its splits."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from s2f.pipeline.audit.checks.base import Check, ClipCheck, Evidence, Outcome, SetCheck, Setting
from s2f.pipeline.audit.clips import Clips, Scores
from s2f.pipeline.audit.measures import duplicates
from s2f.pipeline.corpora import open_corpus
from s2f.pipeline.stages.splits import SPLITS

MAX_LOST = Setting("max_lost", 0.1, "share of the clips that prep may reject or fail at")
MIN_CUT = Setting("min_cut", 0.2, "share of a long recording that becomes clips, at least")
MAX_SHARE = Setting("max_share", 0.5, "share of the hours of the train split that one speaker may have")


def _likeness(clips: Clips) -> Scores:
    return duplicates.scores(clips.duplicates, len(clips))


def _lost(data: Evidence) -> Outcome:
    clips, most = data.clips, data.params.value(MAX_LOST)
    lost = [number for number, status in enumerate(clips.status) if status != "ok"]
    reasons = Counter(f"{clips.stage[number]}: {clips.reason[number]}" for number in lost)
    share = len(lost) / max(1, len(clips))
    return Outcome(
        expected=f"at most {100 * most:.3g} %",
        observed=f"{len(lost)} of {len(clips)} clips ({100 * share:.3g} %)",
        flagged=tuple(clips.ids[number] for number in lost) if share > most else (),
        details=tuple(f"{reason} {count}" for reason, count in reasons.most_common()),
    )


def _recordings(data: Evidence) -> Outcome:
    least = data.params.value(MIN_CUT)
    found: dict[str, str] = {}
    for row in data.records.recordings:
        # What is known of a listed recording is its length alone.
        if row["status"] != "ok":
            found[row["clip_id"]] = f"{row['reason']}: {row['message']}"
        elif row["lag"] or (row["kept"] is not None and row["kept"] < least * row["duration"]):
            found[row["clip_id"]] = row["message"]
    return Outcome(
        expected=f"at least {100 * least:.3g} % of each, in sync",
        observed=f"{len(found)} of {len(data.records.recordings)} recordings give less, or are not",
        flagged=tuple(found),
        details=tuple(f"{clip_id}: {told}" for clip_id, told in found.items()),
    )


def _unmeasured(data: Evidence) -> Outcome:
    measures, messages = data.records.measures, data.records.measures.column("message")
    briefs = {clip_id: measures.brief(clip_id) for clip_id in measures}
    failed = {clip_id: reason for clip_id, (_, status, reason) in briefs.items() if status != "ok"}
    return Outcome(
        expected="all",
        observed=f"{len(failed)} could not",
        flagged=tuple(failed),
        details=tuple(f"{clip_id}: {reason}: {messages[clip_id]}" for clip_id, reason in failed.items()),
    )


def _known(data: Evidence) -> Outcome:
    speakers = Counter(zip(data.clips.corpus, data.clips.speaker, strict=True))
    known = {each: open_corpus(each[0]).known_clips(each[1]) for each in speakers}
    other = {each: count for each, count in sorted(speakers.items()) if known[each] not in (None, count)}
    whole = sum(1 for count in known.values() if count is not None)
    return Outcome(
        expected="as many as the corpus holds",
        observed=f"{len(other)} of {whole} known speakers have another number",
        flagged=tuple(speaker for _, speaker in other),
        details=tuple(f"{each[1]}: {count} of {known[each]:,}" for each, count in other.items()),
    )


def _same_face(data: Evidence) -> Outcome:
    pairs = data.clips.identities.shared
    return Outcome(
        expected="none",
        observed=f"{len(pairs)} pairs of speakers",
        flagged=tuple(sorted({name for pair in pairs for name in pair})),
        details=tuple(f"{one} and {other}" for one, other in pairs),
    )


def _speaker_leak(data: Evidence) -> Outcome:
    leaks = _in_several_splits(data.clips, data.clips.speaker)
    return Outcome(
        expected="none",
        observed=f"{len(leaks)} of {len(set(data.clips.speaker))} speakers",
        flagged=tuple(leaks),
        details=tuple(f"{name}: {', '.join(splits)}" for name, splits in leaks.items()),
    )


def _sentence_leak(data: Evidence) -> Outcome:
    sentences = [text or "" for text in data.clips.text]
    leaks = _in_several_splits(data.clips, sentences)
    return Outcome(
        expected="none",
        observed=f"{len(leaks)} of {len(set(filter(None, sentences)))} sentences",
        flagged=tuple(leaks),
        details=tuple(f"“{text}”: {', '.join(splits)}" for text, splits in leaks.items()),
    )


def _in_several_splits(clips: Clips, names: Sequence[str]) -> dict[str, list[str]]:
    """Names whose clips lie in more than one split, with those splits; `names` has one for each clip."""
    where: dict[str, set[str]] = defaultdict(set)
    for name, split in zip(names, clips.split, strict=True):
        if name and split:
            where[name].add(split)
    return {name: sorted(splits) for name, splits in sorted(where.items()) if len(splits) > 1}


def _empty_splits(data: Evidence) -> Outcome:
    empty = [split for split in SPLITS if split not in data.clips.split]
    return Outcome(
        expected="none empty", observed=f"{len(empty)} of {len(SPLITS)} are empty", flagged=tuple(empty)
    )


def _balance(data: Evidence) -> Outcome:
    clips, limit = data.clips, data.params.value(MAX_SHARE)
    training = clips.of_speakers(np.array([split == "train" for split in clips.split], bool))
    hours = {name: float(clips.hours[numbers].sum()) for name, numbers in training.items()}
    whole = sum(hours.values())
    shares = {name: hours[name] / whole for name in sorted(hours, key=lambda each: -hours[each])}
    return Outcome(
        expected=f"at most {100 * limit:.3g} % of the train split each",
        observed=f"{100 * max(shares.values(), default=0.0):.3g} %",
        flagged=tuple(name for name, share in shares.items() if share > limit and len(shares) > 1),
        details=tuple(f"{name}: {100 * share:.3g} %" for name, share in list(shares.items())[:3]),
    )


CHECKS: tuple[Check, ...] = (
    ClipCheck(
        name="set.duplicates",
        title="Duplicates",
        unit="correlation",
        level="error",
        meaning="The same recording stands in the set twice, under two names.",
        advice="Remove one of them; across splits it would be learnt and tested.",
        basis="correlation of the waveform with that of the clip most like it, from 200 to 3400 Hz, all"
        " frequencies made equally strong, at the shift where it is greatest, in the sixth of the overlap"
        " where it is least: 1 for equal bytes; high for the same face with the same sound, even if it was"
        " cut, made louder or encoded again; looked at where a first look finds two sounds alike, else 0",
        score=_likeness,
        most=Setting("near_duplicate", 0.2, "correlation of two clips' waveforms that makes them one"),
    ),
    SetCheck(
        name="set.lost",
        title="Clips lost in prep",
        level="warning",
        meaning="Prep could not use these clips; each has a row with its reason.",
        advice="Read the reasons; 's2f prep --retry-failed' tries again what failed.",
        basis="share of the clips that prep rejected or failed at",
        look=_lost,
        uses=(MAX_LOST,),
    ),
    SetCheck(
        name="set.recordings",
        title="Long recordings",
        level="warning",
        meaning="These recordings gave few clips or none, or their sound is late or early.",
        advice="Look whether the face that talks is seen and large enough; take a lag out with"
        " resample.offsets, or name the pieces in segments.csv.",
        basis="share of each long recording that became clips, and the lag of its sound",
        look=_recordings,
        uses=(MIN_CUT,),
    ),
    SetCheck(
        name="set.unmeasured",
        title="Clips that could be measured",
        level="error",
        meaning="What prep has made of these clips cannot be read, so that nothing is known of them.",
        advice="Run 's2f verify', then 's2f prep' again.",
        basis="clips whose artifacts cannot be read",
        look=_unmeasured,
    ),
    SetCheck(
        name="set.known",
        title="Known corpus",
        level="note",
        meaning="The corpus is known to hold another number of clips of these speakers.",
        advice="A part of a corpus is fine if you meant it; else fetch what is missing, and see what is too"
        " much.",
        basis="number of clips per speaker against the corpus, if the corpus is known",
        look=_known,
    ),
    SetCheck(
        name="set.same_face",
        title="One face, one speaker",
        level="error",
        meaning="Two speakers have the same face, so that one person may stand in two splits.",
        advice="Give both one folder, or move the clips to where they belong.",
        basis="two speakers with the same face, by `max_identity`",
        look=_same_face,
    ),
    SetCheck(
        name="set.speaker_leak",
        title="Speakers in one split",
        level="warning",
        meaning="These speakers stand in more than one split: the test is on faces and voices that were"
        " learnt.",
        advice="Set shard.split_by to speaker, unless the test is meant to be on the same people.",
        basis="a speaker in two splits",
        look=_speaker_leak,
    ),
    SetCheck(
        name="set.sentence_leak",
        title="Sentences in one split",
        level="warning",
        meaning="These sentences are spoken in more than one split, word for word: a test can be passed by"
        " heart.",
        advice="Prefer a split by sentence too, or say so beside the results.",
        basis="a sentence with the same words in two splits",
        look=_sentence_leak,
    ),
    SetCheck(
        name="set.splits",
        title="Splits",
        level="note",
        meaning="A split without clips cannot be trained, validated or tested on.",
        advice="Set shard.shares, or name speakers for it.",
        basis="an empty split",
        look=_empty_splits,
    ),
    SetCheck(
        name="set.balance",
        title="Balance of speakers",
        level="note",
        meaning="One speaker has much of the train split: the model will know this face best.",
        advice="Leave out some of the clips, or gather more of others.",
        basis="the greatest share of the training split that one speaker has",
        look=_balance,
        uses=(MAX_SHARE,),
    ),
)
