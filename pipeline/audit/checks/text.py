"""Checks of what is said: whether it is known, and whether it can be true."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import numpy as np

from s2f.pipeline.audit.checks.base import ClipCheck, Setting
from s2f.pipeline.audit.clips import Clips, Scores
from s2f.pipeline.corpora import open_corpus


def _missing(clips: Clips) -> Scores:
    """A corpus whose clips have no text at all, such as a plain folder of videos, lacks nothing."""
    alignments = clips.values("scan", "alignment")
    with_texts = {corpus for corpus, path in zip(clips.corpus, alignments, strict=True) if path}
    return np.array(
        [
            float(not path) if corpus in with_texts else np.nan
            for corpus, path in zip(clips.corpus, alignments, strict=True)
        ]
    )


def _unreadable(clips: Clips) -> Scores:
    messages = clips.texts("scan", "message")
    return _of_aligned(clips, [float(bool(message)) for message in messages])


def _why_unreadable(clips: Clips) -> Mapping[int, str]:
    return dict(enumerate(clips.texts("scan", "message")))


def _other_words(clips: Clips) -> Scores:
    scores = np.full(len(clips), np.nan)
    for number, named, said in _sentences(clips):
        scores[number] = float(named != said)
    return scores


def _both_sentences(clips: Clips) -> Mapping[int, str]:
    return {
        number: f"the name says “{named}”, the alignment “{said}”"
        for number, named, said in _sentences(clips)
    }


def _sentences(clips: Clips) -> Iterator[tuple[int, str, str]]:
    """The clips whose names stand for words: number, these words, and those of the alignment."""
    rows = zip(clips.corpus, clips.texts("scan", "utterance"), clips.labels, strict=True)
    for number, (corpus, utterance, labels) in enumerate(rows):
        named = open_corpus(corpus).sentence(utterance) if labels else None
        if named:
            yield number, named, " ".join(label["label"] for label in labels)


def _other_folder(clips: Clips) -> Scores:
    folders = zip(_speaker_folders(clips), clips.speaker, strict=True)
    return _of_aligned(clips, [float(folder not in ("", speaker)) for folder, speaker in folders])


def _which_folder(clips: Clips) -> Mapping[int, str]:
    return {number: f"it lies in the folder of {name}" for number, name in enumerate(_speaker_folders(clips))}


def _speaker_folders(clips: Clips) -> list[str]:
    """The speaker after whom the folder of each alignment is named; empty where it is not."""
    names = []
    for corpus, alignment in zip(clips.corpus, clips.texts("scan", "alignment"), strict=True):
        folders = reversed(PurePosixPath(alignment).parts[:-1])
        names.append(next((name for name in folders if open_corpus(corpus).is_speaker(name)), ""))
    return names


def _of_aligned(clips: Clips, scores: list[float]) -> Scores:
    """The scores of the clips that have an alignment."""
    return np.where([bool(path) for path in clips.values("scan", "alignment")], scores, np.nan)


def _speed(clips: Clips) -> Scores:
    """A clip without words, such as one whose labels are phones, has no speed."""
    seconds = clips.numbers("scan", "duration")
    words = np.array([len(text.split()) if text else np.nan for text in clips.text])
    return _per(60 * words, seconds)


def _per(amounts: Scores, seconds: Scores) -> Scores:
    """Amounts per second; nan for a video of no length."""
    return np.divide(amounts, np.where(seconds > 0, seconds, np.nan))


def _last_end(clips: Clips) -> Scores:
    """Where the last word ends, in seconds."""
    ends = [labels[-1]["end"] if labels else None for labels in clips.labels]
    return np.array([np.nan if end is None else end for end in ends], np.float64)


def _spoken_share(clips: Clips) -> Scores:
    return _per(_last_end(clips), clips.numbers("scan", "duration"))


def _where_it_ends(clips: Clips) -> Mapping[int, str]:
    times = zip(_last_end(clips), clips.numbers("scan", "duration"), strict=True)
    return {
        number: f"the last word ends at {end:.2f} s of {seconds:.2f} s"
        for number, (end, seconds) in enumerate(times)
    }


CHECKS = (
    ClipCheck(
        name="text.missing",
        title="Alignment there",
        level="note",
        meaning="Nothing beside the clip says what is spoken, while other clips have it.",
        advice="Add the alignments; the lip reader and the leakage of sentences need them.",
        basis="the alignment is missing, while other clips of the corpus have one",
        score=_missing,
    ),
    ClipCheck(
        name="text.unreadable",
        title="Alignment readable",
        level="warning",
        meaning="The alignment cannot be read.",
        advice="Take the file from its origin again.",
        basis="the alignment cannot be read",
        score=_unreadable,
        notes=_why_unreadable,
    ),
    ClipCheck(
        name="text.words",
        title="Words against name",
        level="error",
        meaning="The alignment holds other words than the clip's name stands for.",
        advice="One of them belongs to another clip: compare with the origin.",
        basis="the words of the alignment differ from those of the clip's name, in a corpus like GRID"
        " whose names stand for words",
        score=_other_words,
        notes=_both_sentences,
    ),
    ClipCheck(
        name="text.folder",
        title="Alignment's folder",
        level="note",
        meaning="The alignment lies in another speaker's folder, as in GRID's own release; it was found by"
        " its name.",
        advice="Nothing for s2f; other programs that go by folders take the wrong words.",
        basis="the alignment is in another speaker's folder",
        score=_other_folder,
        notes=_which_folder,
    ),
    ClipCheck(
        name="text.speed",
        title="Words per minute",
        unit="per minute",
        level="warning",
        meaning="Nobody speaks so slowly, or so fast: words are missing, or belong to another clip.",
        advice="Compare text and clip.",
        basis="words per minute of video",
        score=_speed,
        least=Setting("min_words_per_minute", 60.0, "slower speech is suspicious"),
        most=Setting("max_words_per_minute", 400.0, "faster speech is suspicious"),
    ),
    ClipCheck(
        name="text.unit",
        title="Unit of the alignment",
        unit="of the video",
        level="error",
        meaning="The last word ends far from the end of the video: the times are in another unit.",
        advice="GRID's are 25,000 to a second, HTK's 10,000,000; convert them.",
        basis="end of the last word as a share of the video: with times in a wrong unit it is far off",
        score=_spoken_share,
        notes=_where_it_ends,
        least=Setting("min_spoken", 0.2, "share of the video at which the last word ends, at least"),
        most=Setting("max_spoken", 1.1, "share of the video at which the last word ends, at most"),
    ),
)
