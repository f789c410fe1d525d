"""The splits of papers by name: who is tested on. Of the others, shares train and validate.

`ijcv2019`: Vougioukas, Petridis and Pantic 2019. GRID's test speakers are as recalled, not checked; CREMA-D's
are the authors' own. Which speakers trained and which validated is not known to us.
`lipnet`: Assael et al. 2016, the four unseen speakers of GRID.
`tcd_timit`: the corpus's recommended speaker-independent split of 39 and 17 volunteers, as published with
avsr-tf1 (Sterpu et al.); it leaves out three volunteers of other accents.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperSplit:
    """The speakers of a paper's test, and those it leaves out. `recalled` says what was not checked."""

    test: frozenset[str]
    left_out: frozenset[str] = frozenset()
    recalled: str = ""


PAPERS = {
    "ijcv2019": PaperSplit(
        test=frozenset(
            [f"s{number}" for number in (2, 4, 11, 13, 15, 18, 19, 25, 31, 33)]
            + [f"{1000 + number}" for number in (15, 20, 21, 30, 33, 52, 62, 81, 82, 89)]
        ),
        recalled="GRID's test speakers are as recalled, not checked against the paper",
    ),
    "lipnet": PaperSplit(test=frozenset({"s1", "s2", "s20", "s22"})),
    "tcd_timit": PaperSplit(
        test=frozenset(
            [
                "08F",
                "09F",
                "15F",
                "18M",
                "25M",
                "28M",
                "33F",
                "34M",
                "36F",
                "41M",
                "44F",
                "45F",
                "49F",
                "54M",
                "55F",
                "56M",
                "58F",
            ],
        ),
        left_out=frozenset({"27M", "35M", "53M"}),
    ),
}
