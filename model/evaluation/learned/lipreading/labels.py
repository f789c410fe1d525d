"""Texts to the labels of the network, and back; the labels are characters, as in LipNet."""

from collections.abc import Sequence

# CTC's blank, the label of frames without a character. The labels of the characters count from 1.
BLANK = 0
ALPHABET = " 'abcdefghijklmnopqrstuvwxyz"
LABELS = {character: label for label, character in enumerate(ALPHABET, start=1)}


def plain(text: str) -> str:
    """A text in lower case with single spaces, without the characters that the alphabet lacks."""
    spaced = " ".join(text.lower().split())
    return " ".join("".join(each for each in spaced if each in LABELS).split())


def encode(text: str) -> list[int]:
    """The labels of a text, which must be `plain`."""
    return [LABELS[character] for character in text]


def decode(path: Sequence[int]) -> str:
    """The text of a path of one label per frame: repeated labels count once, blanks are left out."""
    before = [BLANK, *path]
    kept = [label for label, last in zip(path, before, strict=False) if label not in (BLANK, last)]
    return plain("".join(ALPHABET[label - 1] for label in kept))
