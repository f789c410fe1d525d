"""A photo that speaks: the one place where the studio asks for an animation."""

from dataclasses import dataclass
from pathlib import Path

from s2f.model.inference.animate import Animation
from s2f.model.inference.animate import animate as write
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.media import read_audio
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.demo import speech

VIDEO = "speaking.mp4"
# The speech that is made of a text.
SPOKEN = "text.wav"
# Any rate serves for measuring a length.
RATE = 8000


@dataclass(frozen=True)
class Order:
    """What is to speak what: a photo and a speech, named as files in the working folder, or a text.

    run       the folder of the generator
    longest   seconds that the speech may have
    """

    run: Path
    photo: str
    speech: str
    text: str
    aligned: bool
    seed: int
    longest: float


def animate(order: Order, progress: Progress) -> Animation:
    """Write VIDEO into the working folder. Raises S2fError."""
    if order.text:
        speech.speak_to_wav(order.text, Path(SPOKEN))
    spoken = Path(SPOKEN if order.text else order.speech)
    _check_length(spoken, order.longest)
    return write(
        order.run,
        Path(order.photo),
        spoken,
        Path(VIDEO),
        aligned=order.aligned,
        seed=order.seed,
        progress=progress,
    )


def _check_length(sound: Path, longest: float) -> None:
    seconds = 0.0
    for chunk in read_audio(sound, RATE, chunk_seconds=1.0):
        seconds += len(chunk) / RATE
        if seconds > longest:
            raise InputError(
                f"{sound} is longer than {longest:g} s",
                "give a shorter speech, or start the studio with a larger --speech-seconds",
            )
