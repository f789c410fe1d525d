"""Say one text with espeak-ng and print it: the program that `speech.speak` runs.

espeak keeps the phase and the noise of its last utterance, even after a restart within one process,
so the same text sounds different the second time. Each utterance therefore gets a new process, which
makes speech repeatable. Apart from espeak itself, only the standard library is imported here, so that
the process starts quickly.

    python espeak.py TEXT VOICE PITCH WORDS_PER_MINUTE

prints one line of JSON, {"sample_rate": …, "words": [[sample, character], …],
"phonemes": [[sample, IPA], …]}, and after it the sound as 16-bit samples.
"""

import ctypes
import json
import sys
from typing import Any

import espeakng_loader

RETRIEVE = 2  # AUDIO_OUTPUT_SYNCHRONOUS: the sound comes to the callback before espeak_Synth returns
EVENTS, IPA, DONT_EXIT = 0x0001, 0x0002, 0x8000
RATE, PITCH = 1, 3
UTF8 = 1
WORD, PHONEME = 1, 7


class Event(ctypes.Structure):
    """espeak_EVENT; the name of a phoneme has up to 8 bytes, and ends with a zero only if it is shorter."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


def main(text: str, voice: str, pitch: int, speed: int) -> None:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    sample_rate = library.espeak_Initialize(RETRIEVE, 0, data, EVENTS | IPA | DONT_EXIT)
    if sample_rate <= 0:
        sys.exit(f"espeak-ng did not start with the data in {data.decode()}")
    # Without this, espeak seeds its noise with the clock.
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    sound: list[bytes] = []
    words: list[tuple[int, int]] = []
    phonemes: list[tuple[int, str]] = []

    def hear(samples: Any, count: int, event: Any) -> int:
        if samples and count > 0:
            sound.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while event[index].type:
            now = event[index]
            if now.type == WORD:
                words.append((now.sample, now.text_position - 1))
            elif now.type == PHONEME:
                phonemes.append((now.sample, now.name.decode(errors="ignore")))
            index += 1
        return 0

    callback = CALLBACK(hear)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()):
        sys.exit(f"espeak-ng has no voice {voice}")
    library.espeak_SetParameter(RATE, speed, 0)
    library.espeak_SetParameter(PITCH, pitch, 0)
    spoken = text.encode()
    library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken) + 1), 0, 1, 0, UTF8, None, None)
    header = {"sample_rate": sample_rate, "words": words, "phonemes": phonemes}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + b"".join(sound))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
