"""What most corpora do not tell: `open_corpus` gives these functions to those that have none of their own."""

from s2f.pipeline.corpora.base import Label, Rights, Source

RIGHTS = Rights("videos of unknown origin")


def labels(source: Source) -> list[Label]:
    """The times of words are not known."""
    return []


def text(source: Source) -> str | None:
    """What is said is not known."""
    return None


def sentence(utterance: str) -> str | None:
    """Names tell no words."""
    return None


def is_speaker(folder: str) -> bool:
    """No name of a folder tells a speaker: any may be one."""
    return False


def known_clips(speaker: str) -> int | None:
    """No numbers are published."""
    return None
