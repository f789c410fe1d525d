"""Text to speech by espeak-ng, with the times of words and phonemes."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from s2f.pipeline.core import wav
from s2f.pipeline.core.errors import InputError, MissingError
from s2f.pipeline.corpora.base import Label

Sound = npt.NDArray[np.float32]
PROGRAM = Path(__file__).with_name("espeak.py")


@dataclass(frozen=True)
class Speech:
    """Mono sound in [-1, 1], float32 (samples,), from the first phoneme to the end of the last.

    Labels of phonemes are in IPA; a pause has "".
    """

    samples: Sound
    sample_rate: int
    words: tuple[Label, ...]
    phonemes: tuple[Label, ...]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate


def speak(text: str, voice: str = "en", pitch: int = 50, speed: int = 160) -> Speech:
    """Say `text`, with pitch 0 to 99 and speed in words per minute. The same arguments give the same samples.

    A voice is a language of espeak-ng and an optional variant: "en", "en-us+f2".
    Raises MissingError without espeakng-loader, and InputError for a voice that espeak-ng does not
    have, or a text without words.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise MissingError("speech needs the package espeakng-loader", 'pip install "s2f[demo]"')
    command = [sys.executable, str(PROGRAM), text, voice, str(pitch), str(speed)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise InputError(
            done.stderr.decode(errors="replace").strip(), "give a voice such as en, en-us or en+f2"
        )
    header, _, sound = done.stdout.partition(b"\n")
    if not any(name for _, name in json.loads(header)["phonemes"]):
        raise InputError("there is nothing to say in the text", "write words in the language of the voice")
    samples = np.frombuffer(sound, dtype="<i2").astype(np.float32) / np.float32(32768)
    return _speech(text, samples, **json.loads(header))


def _speech(
    text: str, samples: Sound, sample_rate: int, words: list[tuple[int, int]], phonemes: list[tuple[int, str]]
) -> Speech:
    """Cut off the pauses at both ends. Every event ends where the next one starts."""
    begin, end = phonemes[0][0], len(samples)
    # espeak ends a sentence with pauses, whose events have no name.
    while phonemes and not phonemes[-1][1]:
        end = phonemes.pop()[0]
    ends = [start for start, _ in phonemes[1:]] + [end]
    spoken = tuple(
        Label(name, (start - begin) / sample_rate, (stop - begin) / sample_rate)
        for (start, name), stop in zip(phonemes, ends, strict=True)
    )
    starts = [max(start, begin) for start, _ in words] + [end]
    # A symbol is said in words that the text does not have.
    written = [(text[place:].split(maxsplit=1) or [""])[0] for _, place in words]
    said = tuple(
        Label(word, (start - begin) / sample_rate, (stop - begin) / sample_rate)
        for word, start, stop in zip(written, starts[:-1], starts[1:], strict=True)
    )
    return Speech(samples[begin:end], sample_rate, said, spoken)


def speak_to_wav(
    text: str, path: Path, *, voice: str = "en-us+f2", pitch: int = 50, speed: int = 150, pad: float = 0.3
) -> Speech:
    """Write `text` as speech to a 16-bit mono wav, with `pad` seconds of silence at both ends.

    Raises the errors of `speak`.
    """
    speech = speak(text, voice, pitch, speed)
    silence = round(pad * speech.sample_rate)
    path.write_bytes(wav.encode(np.pad(speech.samples, silence), speech.sample_rate))
    return speech
