"""The two files beside the page: the key, which stays with who asks, and a viewer's answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """The base of what is read from JSON."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Origin(Record):
    """Where a clip comes from: the name of its video, and the system that made it, or null if it is real."""

    name: str
    system: str | None


class Key(Record):
    """What the page conceals. `trials` has the clips of each trial, by the ids that the page uses."""

    format: Literal[1]
    study: str
    title: str
    pairs: bool
    systems: list[str]
    trials: dict[str, dict[str, Origin]]


class Answer(Record):
    """One answer: the clips as they were shown, left before right, and the one taken for real.

    In a study of single clips `real` is null where the clip was called generated. `plays` counts how
    often each clip was begun, `seconds` runs from the question's appearance to the answer.
    """

    trial: str
    shown: list[str] = Field(min_length=1, max_length=2)
    real: str | None
    plays: list[int]
    seconds: float = Field(ge=0)


class Answers(Record):
    """What a viewer's browser saves: an anonymous number, and the answers given so far."""

    kind: Literal["s2f study answers"]
    format: Literal[1]
    study: str
    viewer: str = Field(min_length=1)
    questions: int
    unplayable: list[str]
    answers: list[Answer]
