"""The splits of papers by name: who is tested on. Of the others, shares train and validate.

`ijcv2019`: Vougioukas, Petridis and Pantic 2019. The test speakers are as recalled, not checked against the
paper. Which of the others trained and which validated is not known to us.
`lipnet`: Assael et al. 2016, the four unseen speakers of GRID, as open copies of LipNet name them.
`tcd_timit`: the corpus's recommended speaker-independent split. The 17 test volunteers are those of the list
in avsr-tf1 (Sterpu et al.); the three of other accents, whom it leaves out, are as recalled, not checked.
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
        recalled="its test speakers are as recalled, not checked against the paper",
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
        recalled="whom it leaves out is as recalled, not checked",
    ),
}
