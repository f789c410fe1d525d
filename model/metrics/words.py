"""Word error rate: what a lip reader has read against what was said (jiwer)."""

import jiwer


def word_error_rate(text: str, read: str) -> float:
    """The fewest words to be replaced, left out and put in that make `read` the text, per word of the text.

    It exceeds 1 where too many words are read. Raises ValueError for an empty text.
    """
    return float(jiwer.wer(text, read))


def words_read(text: str, read: str) -> list[bool]:
    """For each word of the text, whether it is among what was read, in its place in the order."""
    found = [False] * len(text.split())
    (chunks,) = jiwer.process_words(text, read).alignments
    for chunk in chunks:
        if chunk.type == "equal":
            for place in range(chunk.ref_start_idx, chunk.ref_end_idx):
                found[place] = True
    return found
