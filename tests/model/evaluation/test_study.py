"""The user study: a page that does not tell which clip is real, answered in a browser, and its scores."""

import base64
import io
import itertools
import json
import math
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from rich.console import Console
from support.comments import comment
from support.prepared import Command, call, refused, shorten

from s2f.model.evaluation.study import clips, page, report, scores
from s2f.model.evaluation.study.clips import Match
from s2f.pipeline.core import media

NAMES = ("bbaf2n", "bbas1s", "bbbm3a")
# Of the generated clips, and so of all that are shown.
FRAMES = 15
ENABLED = "#choices button:enabled"


def blurred(source: Path, target: Path, sigma: float, frames: int = FRAMES) -> None:
    """The beginning of a video, blurred."""
    pictures = itertools.islice(media.FrameReader(source, Fraction(25)), frames)
    target.parent.mkdir(parents=True, exist_ok=True)
    smooth = (np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma)) for picture in pictures)
    media.write_video(target, smooth, Fraction(25), source)


@pytest.fixture(scope="module")
def videos(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """real/ with the first second of genuine GRID clips, blur/ and haze/ with blurred beginnings of them."""
    folder = tmp_path_factory.mktemp("videos")
    for name in NAMES:
        source = folder / "real" / f"{name}.mpg"
        source.parent.mkdir(exist_ok=True)
        shorten(data / f"grid/s1/{name}.mpg", source)
        blurred(source, folder / "blur" / f"{name}.mp4", 5)
        blurred(source, folder / "haze" / f"{name}.mp4", 2)
    return folder


def made(videos: Path, out: Path, *options: object) -> Path:
    """A page with one system, or what the options say more."""
    arguments = ("--generated", videos / "blur", "--reference", videos / "real", "--out", out, *options)
    assert call("study", "make", *arguments) == 0
    return out


@pytest.fixture(scope="module")
def pairs(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(videos, tmp_path_factory.mktemp("pairs") / "study.html", "--pairs", "--title", "<Lips & co>")


@pytest.fixture(scope="module")
def single(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("single") / "study.html"
    return made(videos, out, "--generated", f"light haze={videos / 'haze'}")


def key_of(study: Path) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(study.with_suffix(".key.json").read_text())
    return key


def origins(study: Path) -> dict[str, dict[str, str | None]]:
    """Where each clip comes from, by its id on the page."""
    return {clip: origin for trial in key_of(study)["trials"].values() for clip, origin in trial.items()}


def begin(tab: Page, study: Path) -> None:
    tab.goto(study.as_uri())
    expect(tab.locator("#begin")).to_be_disabled()
    tab.check("#agreed")
    tab.click("#begin")


def shown(tab: Page) -> list[str]:
    """The clips on the screen, left before right."""
    clip_ids: list[str] = tab.evaluate("shown.trial.clips")
    return clip_ids


def download(tab: Page, target: Path) -> dict[str, Any]:
    with tab.expect_download() as started:
        tab.click("#save")
    started.value.save_as(target)
    assert re.fullmatch(r"answers-[0-9a-f]{8}\.json", started.value.suggested_filename)
    written: dict[str, Any] = json.loads(target.read_text())
    return written


def test_pairs_from_the_first_page_to_the_scores(
    tab: Page, pairs: Path, tmp_path: Path, s2f: Command
) -> None:
    real = {clip for clip, origin in origins(pairs).items() if origin["system"] is None}
    begin(tab, pairs)
    assert tab.title() == "<Lips & co>"
    # The first is answered wrongly, with a key, after both have been played again.
    assert tab.inner_text("#number") == "1 of 3"
    expect(tab.locator(ENABLED)).to_have_count(2)
    tab.keyboard.press("Space")
    expect(tab.locator(".clip").nth(1)).to_have_class("clip playing")
    expect(tab.locator(".playing")).to_have_count(0)
    left, _ = first = shown(tab)
    tab.keyboard.press("ArrowRight" if left in real else "ArrowLeft")
    # The second is left half-way and taken up again: the same question, the first answer kept.
    expect(tab.locator("#number")).to_have_text("2 of 3")
    second = shown(tab)
    tab.reload()
    expect(tab.locator("#begin")).to_have_text("Go on")
    tab.click("#begin")
    assert tab.inner_text("#number") == "2 of 3"
    assert shown(tab) == second
    for _ in range(2):
        clip_ids = shown(tab)
        expect(tab.locator(ENABLED)).to_have_count(2)
        tab.locator("#choices button").nth([clip in real for clip in clip_ids].index(True)).click()
    expect(tab.locator("#thanks")).to_have_text("Thank you!")
    answers = download(tab, tmp_path / "answers.json")
    assert json.loads(tab.input_value("#text")) == answers
    assert answers["answers"][0]["shown"] == first
    assert answers["answers"][0]["plays"] == [2, 2]
    assert [len(set(each["shown"]) & real) for each in answers["answers"]] == [1, 1, 1]
    # Both clips of 0.6 s were watched to their ends before a choice was possible.
    assert all(1.2 <= each["seconds"] < 60 for each in answers["answers"])
    # After the end the page comes back to it, answers and all.
    tab.reload()
    expect(tab.locator("#thanks")).to_be_visible()
    assert json.loads(tab.input_value("#text")) == answers
    ended = s2f(
        "study",
        "score",
        tmp_path / "answers.json",
        "--key",
        pairs.with_suffix(".key.json"),
        "--json",
        "s.json",
    )
    assert ended.code == 0
    assert "33.3 %" in ended.out
    written = json.loads(Path("s.json").read_text())
    (system,) = written["systems"]
    assert (system["name"], system["taken"], system["answers"], system["viewers"]) == ("blur", 1, 3, 1)
    assert (system["low"], system["high"]) == (
        pytest.approx(0.00840, abs=1e-5),
        pytest.approx(0.90570, abs=1e-5),
    )
    assert (written["real"]["taken"], written["right"]["taken"], written["unfinished"]) == (2, 2, 0)


def test_single_clips_stopped_and_gone_on_with(tab: Page, single: Path, tmp_path: Path, s2f: Command) -> None:
    begin(tab, single)
    expect(tab.locator("#choices button").first).to_be_disabled()
    tab.keyboard.press("r")  # too early: nothing is chosen
    expect(tab.locator(ENABLED)).to_have_count(2)
    assert tab.inner_text("#number") == "1 of 3"
    tab.keyboard.press("r")
    expect(tab.locator("#number")).to_have_text("2 of 3")
    tab.click("#stop")
    expect(tab.locator("#thanks")).to_have_text("Stopped")
    half = download(tab, tmp_path / "answers-half.json")
    assert len(half["answers"]) == 1
    tab.click("#back")
    for _ in range(2):
        expect(tab.locator(ENABLED)).to_have_count(2)
        tab.get_by_text("Generated", exact=False).last.click()
    expect(tab.locator("#thanks")).to_have_text("Thank you!")
    whole = download(tab, tmp_path / "answers-whole.json")
    assert [each["real"] is None for each in whole["answers"]] == [False, True, True]
    assert whole["answers"][0]["real"] == whole["answers"][0]["shown"][0]
    assert len({origins(single)[each["shown"][0]]["name"] for each in whole["answers"]}) == 3
    both = sorted(tmp_path.glob("answers-*.json"))
    ended = s2f("study", "score", *both, "--key", single.with_suffix(".key.json"), "--json", "s.json")
    written = json.loads(Path("s.json").read_text())
    rows = [*written["systems"], written["real"]]
    assert [row["name"] for row in rows] == ["blur", "light haze", "real clips"]
    # A viewer's form has each version once, as there are as many names as versions.
    assert [row["answers"] for row in rows] == [1, 1, 1]
    assert sum(row["taken"] for row in rows) == 1
    (left_out,) = written["excluded"]
    assert left_out["file"].endswith("answers-half.json")
    reason = r"answers-half\.json: \S*answers-whole\.json has more answers of the same viewer"
    assert re.search(reason, ended.out)
    # The next person begins anew.
    tab.click("#next")
    expect(tab.locator("#begin")).to_be_disabled()
    assert tab.evaluate("state.answers.length") == 0
    assert tab.evaluate("state.viewer") != whole["viewer"]


@pytest.mark.parametrize("kind", ["pairs", "single"])
def test_nothing_on_the_page_tells_which_clip_is_real(
    videos: Path, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    study: Path = request.getfixturevalue(kind)
    text = study.read_text(encoding="utf-8")
    embedded = dict(re.findall(r'id="clip-(\w+)">data:video/mp4;base64,([^<]*)<', text))
    assert set(embedded) == set(origins(study))
    assert list(embedded) == sorted(embedded)
    bare = re.sub(r"base64,[^<]*", "", text)
    for word in (*NAMES, "blur", "haze", str(videos)):
        assert word not in bare
    assert not re.search(r"https?:|@@", bare)
    # Of a name all clips have the same form: size, rate, length, sound, and nothing else is said of them.
    forms: dict[str | None, set[Any]] = {}
    for clip, data in embedded.items():
        path = tmp_path / f"{clip}.mp4"
        path.write_bytes(base64.b64decode(data))
        sound = np.concatenate(list(media.read_audio(path, 16_000)))
        frames = len(list(media.FrameReader(path)))
        assert comment(path) == media.EITHER
        forms.setdefault(origins(study)[clip]["name"], set()).add(
            (media.probe(path), frames, sound.tobytes())
        )
    assert all(len(contents) == 1 for contents in forms.values())
    assert {frames for ((_, frames, _),) in forms.values()} == {FRAMES}


def test_the_clips_are_those_of_the_key(videos: Path, single: Path, tmp_path: Path) -> None:
    embedded = re.findall(
        r'id="clip-(\w+)">data:video/mp4;base64,([^<]*)<', single.read_text(encoding="utf-8")
    )
    for clip, data in embedded:
        origin = origins(single)[clip]
        path = tmp_path / "clip.mp4"
        path.write_bytes(base64.b64decode(data))
        seen = next(iter(media.FrameReader(path))).astype(int)
        folder = {None: "real", "blur": "blur", "light haze": "haze"}[origin["system"]]
        (source,) = (videos / folder).glob(f"{origin['name']}.*")
        assert abs(seen - next(iter(media.FrameReader(source)))).mean() < 3


@pytest.mark.slow
def test_another_seed_makes_another_study_and_the_same_one_the_same(
    videos: Path, pairs: Path, tmp_path: Path
) -> None:
    again = made(videos, tmp_path / "again.html", "--pairs", "--title", "<Lips & co>")
    assert again.read_bytes() == pairs.read_bytes()
    other = made(videos, tmp_path / "other.html", "--pairs", "--seed", "1")
    assert not set(origins(other)) & set(origins(pairs))


def test_the_place_in_a_trial_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a study of 300 names: ids in order, and the real clip is as often first as second."""
    study = many(monkeypatch, tmp_path, pairs=True)
    trials = [list(trial.items()) for trial in key_of(study)["trials"].values()]
    assert all([clip for clip, _ in trial] == sorted(clip for clip, _ in trial) for trial in trials)
    first = sum(trial[0][1]["system"] is None for trial in trials)
    assert 230 < first < 370


def many(monkeypatch: pytest.MonkeyPatch, folder: Path, *, pairs: bool) -> Path:
    """A study of 300 names and two systems; what is in its clips does not matter to the test."""

    def encoded(videos: Match) -> clips.Encoded:
        return clips.Encoded(videos.name, b"real", dict.fromkeys(videos.made, b"made"), 1.0)

    source = folder / "source.mp4"
    source.touch()
    monkeypatch.setattr(page, "encode", encoded)
    matches = [Match(f"clip{number}", source, {"a": source, "b": source}) for number in range(300)]
    study = page.make(matches, folder / "many.html", pairs=pairs)
    assert study.questions == 300
    return study.page


@pytest.mark.parametrize("pairs_", [True, False])
def test_each_viewer_has_a_form_an_order_and_sides_of_their_own(
    tab: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pairs_: bool
) -> None:
    study = many(monkeypatch, tmp_path, pairs=pairs_)
    tab.goto(study.as_uri())
    viewers = tab.evaluate("Array.from({ length: 60 }, (_, viewer) => questions('viewer' + viewer))")
    assert tab.evaluate("questions('viewer7')") == viewers[7]
    where = origins(study)
    versions = 2 if pairs_ else 3
    for viewer in viewers:
        # Each name once, each version equally often.
        assert len({where[trial["clips"][0]]["name"] for trial in viewer}) == 300
        systems = Counter(where[clip]["system"] for trial in viewer for clip in trial["clips"])
        assert systems == {None: 300 if pairs_ else 100, "a": 300 // versions, "b": 300 // versions}
        left = sum(where[trial["clips"][0]]["system"] is None for trial in viewer)
        assert not pairs_ or 100 < left < 200
    orders = [tuple(where[trial["clips"][0]]["name"] for trial in viewer) for viewer in viewers]
    assert len(set(orders)) == 60
    forms = Counter(frozenset(trial["id"] for trial in viewer) for viewer in viewers)
    assert len(forms) == versions
    assert min(forms.values()) > 8


@pytest.mark.parametrize("kind", ["pairs", "single"])
def test_it_fits_a_phone(tab: Page, kind: str, request: pytest.FixtureRequest) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})

    def check() -> None:
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        for button in tab.locator("button:visible").all():
            box = button.bounding_box()
            assert box
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
            assert box["height"] >= 44

    study: Path = request.getfixturevalue(kind)
    tab.goto(study.as_uri())
    check()
    tab.check("#agreed")
    tab.click("#begin")
    expect(tab.locator(ENABLED)).to_have_count(2)
    check()
    # All that is needed is seen without scrolling.
    lowest = tab.locator("#choices").bounding_box()
    assert lowest
    assert lowest["y"] + lowest["height"] < 844
    tab.locator("#choices button").first.click()
    tab.click("#stop")
    tab.click("#copy")
    check()


def test_a_clip_that_cannot_be_played_is_left_out(
    tab: Page, pairs: Path, tmp_path: Path, s2f: Command
) -> None:
    text = pairs.read_text(encoding="utf-8")
    damaged = tmp_path / "damaged.html"
    damaged.write_text(re.sub(r"base64,[^<]*", "base64,bm8gdmlkZW8=", text), encoding="utf-8")
    begin(tab, damaged)
    for number in (1, 2, 3):
        expect(tab.locator("#number")).to_have_text(f"{number} of 3")
        tab.click("#skip")
    expect(tab.locator("#done")).to_contain_text("There is nothing to send")
    saved = json.loads(tab.input_value("#text"))
    assert len(saved["unplayable"]) == 3
    (tmp_path / "answers.json").write_text(json.dumps(saved))
    ended = s2f("study", "score", tmp_path / "answers.json", "--key", pairs.with_suffix(".key.json"))
    refused(ended, "it holds no answer")


def test_a_browser_that_keeps_nothing_is_told_of_and_serves(tab: Page, pairs: Path) -> None:
    tab.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })")
    tab.goto(pairs.as_uri())
    expect(tab.locator("#forgetful")).to_be_visible()
    tab.check("#agreed")
    tab.click("#begin")
    expect(tab.locator(ENABLED)).to_have_count(2)
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator("#number")).to_have_text("2 of 3")
    assert tab.evaluate("state.answers.length") == 1


def test_videos_of_other_size_rate_length_and_sound_come_out_alike(data: Path, tmp_path: Path) -> None:
    real, made_ = data / "grid/s1/bbaf2n.mpg", tmp_path / "made.mp4"
    small = (cv2.resize(picture, (182, 146)) for picture in media.FrameReader(real, Fraction(30)))
    media.write_video(made_, (np.asarray(picture) for picture in small), Fraction(30))
    encoded = clips.encode(Match("bbaf2n", real, {"made": made_}))
    probes = []
    for number, content in enumerate((encoded.real, encoded.made["made"])):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(content)
        probes.append(media.probe(path))
        assert len(list(media.FrameReader(path))) == 75
    assert probes[0] == probes[1]
    assert (probes[0].width, probes[0].height, probes[0].fps, probes[0].audio_codec) == (
        182,
        146,
        25.0,
        "aac",
    )
    assert encoded.seconds == 3.0


def test_what_cannot_be_made_a_study(s2f: Command, videos: Path, data: Path, tmp_path: Path) -> None:
    real, blur = videos / "real", videos / "blur"

    def make(*generated: object, out: object = "study.html", reference: Path = real) -> Any:
        folders = [each for folder in generated for each in ("--generated", folder)]
        return s2f("study", "make", *folders, "--reference", reference, "--out", out)

    empty, others, wider, broken = (tmp_path / name for name in ("empty", "others", "wider", "broken"))
    for folder in (empty, others, wider, broken):
        folder.mkdir()
    shutil.copyfile(real / "bbaf2n.mpg", others / "another.mpg")
    (broken / "bbaf2n.mp4").write_bytes(b"no video")
    cropped = (picture[:, 60:300] for picture in media.FrameReader(real / "bbaf2n.mpg", Fraction(25)))
    media.write_video(wider / "bbaf2n.mp4", cropped, Fraction(25))
    refused(make(tmp_path / "none"), "none is not a folder")
    refused(make(empty), "holds no videos")
    refused(make(others), "no video has the same name")
    refused(make(blur, f"blur={videos / 'haze'}"), "no name of its own")
    refused(make(wider), "are cropped differently", "240 x 288")
    refused(make(broken), "bbaf2n.mp4 cannot be read")
    refused(make(blur, out="study.txt"), "does not end in .html")
    assert not list(Path().iterdir())
    Path("study.key.json").write_text('{"study": "another"}')
    refused(make(blur), "belongs to another study")
    assert not Path("study.html").exists()


def test_names_without_a_counterpart_and_large_pages_are_told(
    s2f: Command, videos: Path, tmp_path: Path
) -> None:
    some = tmp_path / "some"
    some.mkdir()
    for name in NAMES[:2]:
        shutil.copyfile(videos / f"blur/{name}.mp4", some / f"{name}.mp4")
    ended = s2f(
        "study", "make", "--generated", some, "--reference", videos / "real", "--out", "s.html", "--limit", 1
    )
    assert "2 clips, 1 question for each viewer, 0." in ended.out
    assert ended.err == f"warning: left out, 1 without a counterpart in every folder: {NAMES[2]}\n"
    assert page.size_warning(page.Made(Path("s"), Path("k"), 60_000_000, 1, 1)).startswith("a page of 60 MB")


@pytest.mark.parametrize(
    ("taken", "answers", "low", "high"),
    # Clopper & Pearson 1934, to four digits; at the borders 1 - 0.025 ** (1 / n).
    [
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (50, 100, 0.3983, 0.6017),
    ],
)
def test_the_intervals_are_exact(taken: int, answers: int, low: float, high: float) -> None:
    bounds = scores.exact_interval(taken, answers)
    assert bounds == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))

    def chance(counts: Iterable[int], share: float) -> float:
        return sum(math.comb(answers, n) * share**n * (1 - share) ** (answers - n) for n in counts)

    # By their definition: beyond each bound, what was seen has a chance of 2.5 %.
    if taken:
        assert chance(range(taken, answers + 1), bounds[0]) == pytest.approx(0.025)
    if taken < answers:
        assert chance(range(taken + 1), bounds[1]) == pytest.approx(0.025)


def answers_file(path: Path, page_: Path, viewer: str, taken: int, **changes: Any) -> Path:
    """A file as a viewer's browser saves it, whose first `taken` trials take the generated clip for real."""
    key = key_of(page_)
    given = []
    for number, (trial, origins) in enumerate(key["trials"].items() if key["pairs"] else ()):
        real = next(clip for clip in origins if (origins[clip]["system"] is None) == (number >= taken))
        answer = {
            "trial": trial,
            "shown": list(origins),
            "real": real,
            "plays": [1, 1],
            "seconds": 2.0 + number,
        }
        given.append(answer)
    content = {
        "kind": "s2f study answers",
        "format": 1,
        "study": key["study"],
        "viewer": viewer,
        "questions": 3,
        "unplayable": [],
        "answers": given,
    }
    path.write_text(json.dumps(content | changes))
    return path


def test_files_that_do_not_count_are_named_with_the_reason(pairs: Path, tmp_path: Path) -> None:
    good = [
        answers_file(tmp_path / f"{name}.json", pairs, name, taken)
        for name, taken in (("ann", 1), ("bob", 3))
    ]
    given = json.loads(good[0].read_text())["answers"]
    half = answers_file(tmp_path / "half.json", pairs, "bob", 0, answers=given[:1])
    swapped = [given[0], {**given[1], "shown": given[0]["shown"]}, given[2]]
    nobody = [{**given[0], "real": None}]
    bad = {
        "foreign": {"study": "another"},
        "twice": {"answers": [given[0], given[0]]},
        "swapped": {"answers": swapped},
        "nobody": {"answers": nobody},
        "future": {"format": 2},
        "typed": {"answers": [{**given[0], "seconds": "soon"}]},
        "silent": {"answers": []},
    }
    files = [
        answers_file(tmp_path / f"{name}.json", pairs, name, 0, **change) for name, change in bad.items()
    ]
    (tmp_path / "garbage.json").write_bytes(b"\xff\x00{")
    (tmp_path / "folder.json").mkdir()
    others = [tmp_path / name for name in ("garbage.json", "folder.json", "none.json")]
    result = scores.score(
        [half, *good, *files, *others, pairs.with_suffix(".key.json")], pairs.with_suffix(".key.json")
    )
    reasons = {Path(each.file).stem: each.reason for each in result.excluded}
    assert set(reasons) == {"half", *bad, "garbage", "folder", "none", "study.key"}
    assert reasons["half"].endswith("bob.json has more answers of the same viewer")
    assert "another study" in reasons["foreign"]
    assert "twice" in reasons["twice"]
    assert "changed" in reasons["swapped"]
    assert "changed" in reasons["nobody"]
    assert "format" in reasons["future"]
    assert "seconds" in reasons["typed"]
    assert "cannot be read" in reasons["folder"]
    (system,) = result.systems
    assert (system.taken, system.answers, system.viewers, system.median_seconds) == (4, 6, 2, 3.0)
    assert (result.real.taken, result.viewers, result.unfinished) == (2, 2, 0)
    text = report.notes(result)
    assert text.count("not counted: ") == len(reasons)
    assert "blur: not shown that viewers can tell it" in text


def test_the_words_follow_the_intervals(pairs: Path, tmp_path: Path) -> None:
    def words(taken: int) -> str:
        files = [answers_file(tmp_path / f"{name}.json", pairs, str(name), taken) for name in range(4)]
        return report.notes(scores.score(files, pairs.with_suffix(".key.json")))

    assert "more often than the real one" in words(3)
    assert "blur: viewers can tell it" in words(0)
    assert "50 %, guessing, lies in the interval" in words(1)


def test_without_a_key_or_answers_nothing_is_scored(s2f: Command, pairs: Path, tmp_path: Path) -> None:
    good = answers_file(tmp_path / "ann.json", pairs, "ann", 1)
    bad = tmp_path / "bad.json"
    bad.write_text("[]")
    refused(s2f("study", "score", good, "--key", tmp_path / "none.json"), "none.json cannot be read")
    refused(s2f("study", "score", good, "--key", bad), "bad.json is not the key of a study")
    refused(s2f("study", "score", bad, "--key", pairs.with_suffix(".key.json")), "no answers of this study")


def test_the_table_has_a_row_for_whoever_was_judged(single: Path, tmp_path: Path) -> None:
    given = [
        {"trial": trial, "shown": list(origins), "real": next(iter(origins)), "plays": [1], "seconds": 1.0}
        for trial, origins in key_of(single)["trials"].items()
        if next(iter(origins.values()))["system"] != "blur"
    ]
    path = answers_file(tmp_path / "ann.json", single, "ann", 0, answers=given)
    result = scores.score([path], single.with_suffix(".key.json"))
    assert [row.share for row in result.systems] == [None, 1.0]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(report.table(result))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["blur", "-", "-", "0", "0", "-"] in lines
    assert [line[:2] for line in lines if line[:1] == ["right"]] == [["right", "answers"]]
