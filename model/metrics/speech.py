"""When somebody speaks, and which frames of a video lie in a pause: by the network of silero-vad.

The package silero-vad carries its weights. Its network is small, so it is computed here with numpy: the
processes that measure need not import torch.
"""

import functools
import importlib.util
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from scipy.ndimage import binary_dilation
from scipy.signal import resample_poly
from scipy.special import expit

from s2f.pipeline.core.errors import MissingError
from s2f.pipeline.core.windows import Sound, frames_for

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

# What the network hears at a time, of the sample rate that it is made for, with the end of what was before.
RATE, CHUNK, BEFORE = 16_000, 512, 64
# Its spectra: samples per spectrum and from one to the next, and what is mirrored at the end of a chunk.
SPECTRUM, HOP, MIRRORED = 256, 128, 64
LAYERS = (("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1))
# A chunk with this probability or more is speech, as in the package.
SPEECH = 0.5
# Lips move up to so many seconds before and after what is heard.
AROUND = 0.2


def pauses(sound: Sound, sample_rate: int, frames: int, fps: Fraction) -> Mask:
    """Which frames of a video lie in a pause: (frames,). None is within 0.2 s of speech.

    The sound (samples,) is mono and begins with the first frame. Raises MissingError without silero-vad.
    """
    spoken = speech_probability(sound, sample_rate) >= SPEECH
    speaks = np.zeros(frames, bool)
    for chunk in np.flatnonzero(spoken).tolist():
        begin, end = (Fraction(CHUNK, RATE) * (chunk + more) * fps for more in (0, 1))
        speaks[int(begin) : -int(-end // 1)] = True
    reach = round(AROUND * fps)
    near = binary_dilation(speaks, np.ones(2 * reach + 1, bool)) if reach else speaks
    heard = frames_for(len(sound), fps, sample_rate)
    # What has no sound is no pause.
    return np.asarray(~near & (np.arange(frames) < heard))


def speech_probability(sound: Sound, sample_rate: int) -> Floats:
    """How probable speech is in each chunk of 32 ms: (n,), from mono sound (samples,) in [-1, 1].

    Raises MissingError without silero-vad.
    """
    weights = _weights()
    if sample_rate != RATE:
        common = np.gcd(sample_rate, RATE)
        sound = np.asarray(resample_poly(sound, RATE // common, sample_rate // common), np.float32)
    count = -(-len(sound) // CHUNK)
    if not count:
        return np.zeros(0, np.float32)
    padded = np.pad(sound, (BEFORE, count * CHUNK - len(sound)))
    chunks = np.lib.stride_tricks.sliding_window_view(padded, BEFORE + CHUNK)[::CHUNK]
    codes = _spectra(np.pad(chunks, ((0, 0), (0, MIRRORED)), mode="reflect"), weights)
    for name, stride in LAYERS:
        codes = np.maximum(_convolved(codes, weights[f"{name}.weight"], weights[f"{name}.bias"], stride), 0)
    states = _remembered(codes[:, :, 0], weights)
    logits = np.maximum(states, 0) @ weights["final_conv.weight"][0, :, 0] + weights["final_conv.bias"]
    return np.asarray(expit(logits), np.float32)


@functools.cache
def _weights() -> dict[str, Floats]:
    # Found, not imported: its import needs torch.
    package = importlib.util.find_spec("silero_vad")
    path = (
        Path(package.origin).parent / "data/silero_vad_16k.safetensors"
        if package and package.origin
        else None
    )
    if path is None or not path.is_file():
        raise MissingError("the weights of silero-vad are not installed", "pip install 'silero-vad>=6.2.3'")
    return load_file(path)


def _spectra(chunks: Floats, weights: dict[str, Floats]) -> Floats:
    """The magnitudes (n, 129, times) of chunks (n, samples)."""
    windows = np.lib.stride_tricks.sliding_window_view(chunks, SPECTRUM, axis=1)[:, ::HOP]
    parts = windows @ weights["stft_conv.weight"][:, 0].T
    real, imaginary = np.split(parts, 2, axis=2)
    return np.asarray(np.hypot(real, imaginary).transpose(0, 2, 1), np.float32)


def _convolved(codes: Floats, weight: Floats, bias: Floats, stride: int) -> Floats:
    """A convolution over three moments, with one moment of zeros at both ends: (n, in, t) to (n, out, t')."""
    padded = np.pad(codes, ((0, 0), (0, 0), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=2)[:, :, ::stride]
    return np.asarray(np.einsum("nctk,ock->not", windows, weight, optimize=True) + bias[:, None], np.float32)


def _remembered(codes: Floats, weights: dict[str, Floats]) -> Floats:
    """The states of the recurrent cell (n, 128), chunk by chunk."""
    bias = weights["lstm_cell.bias_ih"] + weights["lstm_cell.bias_hh"]
    inputs = codes @ weights["lstm_cell.weight_ih"].T + bias
    recurrent = weights["lstm_cell.weight_hh"].T
    state = memory = np.zeros(recurrent.shape[0], np.float32)
    states = np.empty((len(codes), len(state)), np.float32)
    for number, given in enumerate(inputs):
        take, keep, new, give = np.split(given + state @ recurrent, 4)
        memory = expit(keep) * memory + expit(take) * np.tanh(new)
        state = expit(give) * np.tanh(memory)
        states[number] = state
    return states
