"""The two kinds of file besides the page: the key, which the viewers do not get, and a viewer's answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of the models that are read from JSON."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Origin(Record):
    """Where a clip comes from: the name of its video, and the system that made it; null if it is real."""

    name: str
    system: str | None


class Key(Record):
    """The origins of the clips, which the page does not show: by trial and clip, with the ids of the page."""

    format: Literal[1]
    study: str
    title: str
    pairs: bool
    systems: list[str]
    trials: dict[str, dict[str, Origin]]


class Answer(Record):
    """One answer: the clips as shown, from left to right, and the one that was taken for real.

    `real` is null where a single clip was called generated. `plays` counts how often each clip was
    started; `seconds` is the time from the question to the answer.
    """

    trial: str
    shown: list[str] = Field(min_length=1, max_length=2)
    real: str | None
    plays: list[int]
    seconds: float = Field(ge=0)


class Answers(Record):
    """The file that a viewer's browser saves: an anonymous number, and the answers given so far."""

    kind: Literal["s2f study answers"]
    format: Literal[1]
    study: str
    viewer: str = Field(min_length=1)
    questions: int
    unplayable: list[str]
    answers: list[Answer]
