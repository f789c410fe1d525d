"""The sound of artifacts and shards: mono 16-bit PCM wav."""

import io
import wave

import numpy as np
import numpy.typing as npt

from s2f.pipeline.core.errors import MediaError

Sound = npt.NDArray[np.float32]


def encode(sound: Sound, sample_rate: int) -> bytes:
    """Mono sound (samples,) in [-1, 1] as a wav file; louder samples are clipped."""
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes((np.clip(sound, -1, 1) * 32767).round().astype("<i2").tobytes())
    return target.getvalue()


def decode(data: bytes) -> Sound:
    """The mono sound float32 (samples,) in [-1, 1] of a wav made by `encode`. Raises MediaError."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            kind, count = (file.getnchannels(), file.getsampwidth()), file.getnframes()
            samples = file.readframes(count)
    except (wave.Error, EOFError) as error:
        raise MediaError(f"the sound of a sample cannot be read: {error}", "run 's2f prep' again") from error
    if kind != (1, 2):
        raise MediaError("the sound of a sample is not mono 16-bit PCM", "run 's2f prep' again")
    if len(samples) != 2 * count:
        raise MediaError("the sound of a sample is cut short", "run 's2f prep' again")
    return np.frombuffer(samples, "<i2").astype(np.float32) / np.float32(32767)
