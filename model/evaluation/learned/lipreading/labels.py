"""Texts to the labels that the network tells apart, characters as in LipNet, and back."""

from collections.abc import Sequence

# CTC's label of frames at which no character begins or goes on; those of the characters count from 1.
BLANK = 0
ALPHABET = " 'abcdefghijklmnopqrstuvwxyz"
LABELS = {character: label for label, character in enumerate(ALPHABET, start=1)}


def plain(text: str) -> str:
    """A text in the characters of the alphabet, with one space between words; what it lacks is left out."""
    spaced = " ".join(text.lower().split())
    return " ".join("".join(each for each in spaced if each in LABELS).split())


def encode(text: str) -> list[int]:
    """The labels of a text in characters of the alphabet."""
    return [LABELS[character] for character in text]


def decode(path: Sequence[int]) -> str:
    """The text that a path of one label per frame stands for: repetitions are one, blanks nothing."""
    before = [BLANK, *path]
    kept = [label for label, last in zip(path, before, strict=False) if label not in (BLANK, last)]
    return plain("".join(ALPHABET[label - 1] for label in kept))
