"""GRID's grammar, and the most probable sentence of it: one word from each slot, slot after slot.

CTC gives a probability to every path, which is one label per frame. The best sentence is the one that
the most probable path spells. Viterbi's algorithm finds this path over all slots at once: a word is a
chain of states, one per character, with blanks before, between and after them. So the work grows with
the number of words, not with the number of sentences: GRID has 64,000.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from s2f.model.evaluation.learned.lipreading.labels import BLANK, decode, encode
from s2f.pipeline.corpora.grid import SLOTS

Logs = npt.NDArray[np.float32]
Slots = Sequence[Sequence[str]]


def is_sentence(text: str) -> bool:
    """Whether a text is a sentence of GRID's grammar."""
    words = text.split()
    return len(words) == len(SLOTS) and all(
        word in slot for word, slot in zip(words, SLOTS.values(), strict=True)
    )


def fits(texts: Sequence[str]) -> bool:
    """Whether most of the texts are sentences of the grammar, so that reading by the grammar makes sense."""
    return 2 * sum(map(is_sentence, texts)) > len(texts)


class Lattice:
    """The states that the path of a sentence may pass through, each with its label and its predecessors."""

    def __init__(self, slots: Slots) -> None:
        self._labels: list[int] = []
        self._arcs: list[tuple[int, int]] = []
        start = self._add(BLANK, [])
        self._ends = [start]
        for number, slot in enumerate(slots):
            if number:
                self._ends = self._add_slot([" "], self._ends)
            self._ends = self._add_slot(slot, self._ends)
        self._starts = [state for before, state in self._arcs if before == start]
        # The log-probability of a step from one state (row) to another (column): 0 or -inf.
        self._cost = np.full((len(self._labels), len(self._labels)), -np.inf, np.float32)
        self._cost[tuple(zip(*self._arcs, strict=True))] = 0

    def best(self, logs: Logs) -> str:
        """The best sentence for log-probabilities (frames, 29); "" if there are too few frames for any."""
        emitted = logs[:, self._labels]
        scores = np.full(len(self._labels), -np.inf, np.float32)
        scores[self._starts] = emitted[0, self._starts]
        back = np.zeros(emitted.shape, np.intp)
        for frame in range(1, len(emitted)):
            reached = scores[:, None] + self._cost
            back[frame] = reached.argmax(axis=0)
            scores = reached.max(axis=0) + emitted[frame]
        state = max(self._ends, key=lambda end: float(scores[end]))
        if scores[state] == -np.inf:
            return ""
        path = [state]
        for frame in range(len(emitted) - 1, 0, -1):
            path.append(int(back[frame, path[-1]]))
        return decode([self._labels[state] for state in reversed(path)])

    def _add_slot(self, words: Sequence[str], before: list[int]) -> list[int]:
        """Add the states of a slot after the states `before`; returns the states that may end it."""
        lasts = []
        for word in words:
            first, *rest = encode(word)
            state = self._add(first, before)
            for label in rest:
                state = self._add(label, [state, self._add(BLANK, [state])])
            lasts.append(state)
        return [*lasts, self._add(BLANK, lasts)]

    def _add(self, label: int, before: list[int]) -> int:
        """Add a state that a path may enter from the states `before`, and in which it may stay.

        States with the same label are no predecessors: CTC would read both as one character.
        """
        state = len(self._labels)
        self._labels.append(label)
        self._arcs += [(other, state) for other in before if self._labels[other] != label]
        self._arcs.append((state, state))
        return state
