"""GRID's grammar, and the best sentence of it: a word of each slot, one slot after the other.

CTC gives every path of one label per frame a probability. The best sentence is the one that the most
probable path of all stands for. Viterbi's algorithm finds it over all slots at once: a word is a chain
of states, one for each of its characters, and blanks are states before, between and behind these. So
the work grows with the words of the grammar, not with its sentences, of which GRID has 64,000.
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
    """Whether the grammar serves for texts: most of them are its sentences."""
    return 2 * sum(map(is_sentence, texts)) > len(texts)


class Lattice:
    """The states that the path of a sentence may pass: of each its label, and where it may come from."""

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
        # What it costs to go from one state (rows) to another (columns).
        self._cost = np.full((len(self._labels), len(self._labels)), -np.inf, np.float32)
        self._cost[tuple(zip(*self._arcs, strict=True))] = 0

    def best(self, logs: Logs) -> str:
        """The best sentence for log-probabilities (frames, 29); "" if the frames are too few for any."""
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
        return decode([self._labels[each] for each in reversed(path)])

    def _add_slot(self, words: Sequence[str], before: list[int]) -> list[int]:
        """The states of a slot behind others; returns those that it may end with."""
        lasts = []
        for word in words:
            first, *rest = encode(word)
            state = self._add(first, before)
            for label in rest:
                state = self._add(label, [state, self._add(BLANK, [state])])
            lasts.append(state)
        return [*lasts, self._add(BLANK, lasts)]

    def _add(self, label: int, before: list[int]) -> int:
        """A state at which a path may stay, and to which it may come from those before.

        From one of the same label it may not: both would count as one.
        """
        state = len(self._labels)
        self._labels.append(label)
        self._arcs += [(each, state) for each in before if self._labels[each] != label]
        self._arcs.append((state, state))
        return state
