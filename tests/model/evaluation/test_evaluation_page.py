"""The page of an evaluation: complete in itself, true to its figures, and at work in a real browser."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page
from rich.console import Console
from support.comments import comment

from s2f.model.evaluation import page as evaluation_page
from s2f.model.evaluation import players
from s2f.model.evaluation.evaluate import evaluate
from s2f.model.evaluation.extremes import picks
from s2f.model.evaluation.results import Evaluation, VideoScores
from s2f.model.evaluation.sources.videos import Videos
from s2f.model.metrics.measures import SET_MEASURES
from s2f.model.metrics.scoring import MEASURES, ClipVideos
from s2f.pipeline.core import media
from s2f.pipeline.faces.settings import DEFAULT_FACES

CLIPS = ("s1/bbaf2n", "s2/pwij3p", "s3/sbia1a")
FRAME = 1 / 25


@pytest.fixture(scope="module")
def made(slow: None, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    """Two systems against the videos of three speakers: one blurs them, one is two frames late."""
    root = tmp_path_factory.mktemp("page")
    for clip in CLIPS:
        source = data / "grid" / f"{clip}.mpg"
        pictures = list(media.FrameReader(source, media.Fraction(25)))
        systems = {
            "soft": [np.asarray(cv2.GaussianBlur(each, (0, 0), 2), np.uint8) for each in pictures],
            "late": pictures[:1] * 2 + pictures[:-2],
        }
        for system, frames in systems.items():
            target = root / system / f"{clip}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            media.write_video(target, frames, media.Fraction(25), sound=source)
        (root / "raw" / clip).parent.mkdir(parents=True)
        shutil.copy2(source, root / "raw" / f"{clip}.mpg")
    out = root / "out"
    source = Videos([root / "soft", root / "late"], root / "raw", None, DEFAULT_FACES)
    return evaluate(source, Console(quiet=True), workers=1, out=out), out


@pytest.fixture
def opened(tab: Page, made: tuple[Evaluation, Path]) -> Page:
    """The page in a tab, its videos loaded."""
    tab.goto((made[1] / "evaluation.html").as_uri())
    until(tab, "[...document.querySelectorAll('video')].every(video => video.readyState >= 3)")
    return tab


def until(page: Page, condition: str) -> None:
    """Wait until an expression is true. Playwright's own way evaluates a string, which the page forbids."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    pytest.fail(f"this never comes: {condition}")


def times(page: Page, clip: int = 0) -> list[float]:
    """Where the videos of a clip stand."""
    seconds: list[float] = page.evaluate(
        "number => [...document.querySelectorAll(`#clip-${number} video`)].map(video => video.currentTime)",
        clip,
    )
    return seconds


def spread(seconds: list[float]) -> float:
    return max(seconds) - min(seconds)


def test_the_page_needs_nothing_but_itself(made: tuple[Evaluation, Path]) -> None:
    text = (made[1] / "evaluation.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|@@|\{\{|\{%", text)
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', text)
    assert {source.partition(";")[0].rstrip("0123456789") for source in sources} == {
        "data:video/mp",
        "data:,",
        "#clip-",
    }
    assert len(text) < 3_000_000


def test_every_measure_of_every_video_is_on_it(opened: Page, made: tuple[Evaluation, Path]) -> None:
    rows = opened.locator(".means tbody tr:not(.group)").all_inner_texts()
    every = (*MEASURES, *SET_MEASURES)
    assert len(rows) == len(every)
    groups = opened.locator(".means tbody tr.group").all_text_contents()
    assert [group.strip() for group in groups] == list(dict.fromkeys(each.group for each in every))
    for row, column in zip(rows, every, strict=True):
        assert row.startswith(column.title)
        for video in made[0].rows:
            if column.name in video.scores and video.scores[column.name].clips:
                assert f"{video.scores[column.name].mean:.{column.digits}f}" in row
    head = opened.locator(".means thead th").all_inner_texts()
    assert head == ["", "soft", "late", "still", "real", "late less soft"]
    assert opened.locator("h1").inner_text() == "soft against late"
    assert "3 of 3 clips measured" in opened.locator(".facts").inner_text()
    assert "FaceFD: it needs 128 clips, and there are 3" in opened.locator(".notes").inner_text()
    close = opened.locator(".closeness tbody tr").all_inner_texts()
    assert close[-1].startswith("all together")
    assert len(close) == 1 + len(made[0].closeness["soft"].measures)
    assert "aligned by the face of the real video" in opened.locator(".notes").inner_text()


def test_the_curves_are_the_openings_of_the_mouths(opened: Page, made: tuple[Evaluation, Path]) -> None:
    charts = json.loads(opened.locator("#charts").inner_text() or opened.locator("#charts").text_content())
    drawn = opened.locator(".plot path.curve").count()
    clips = {clip.clip_id: clip for clip in made[0].scored}
    assert len(charts) == 3
    assert drawn == 3 * 3
    for chart in charts:
        clip = clips[chart["title"].rpartition(", ")[2]]
        assert [series["name"] for series in chart["series"]] == ["real", "soft", "late"]
        for series in chart["series"]:
            assert [y for _, y in series["points"]] == pytest.approx(clip.openings[series["name"]], abs=1e-3)
            assert series["points"][25][0] == 1


def test_all_videos_of_a_clip_play_in_step(opened: Page) -> None:
    assert opened.locator("#clip-0 video").count() == 3
    opened.locator("#clip-0 .play").click()
    until(opened, "document.querySelector('#clip-0 video').currentTime > 0.4")
    samples = []
    for _ in range(8):
        samples.append(times(opened))
        opened.wait_for_timeout(120)
    assert samples[-1][0] > samples[0][0] + 0.4
    assert max(map(spread, samples)) < FRAME
    assert opened.evaluate("[...document.querySelectorAll('#clip-0 video')].every(video => !video.paused)")
    opened.locator("#clip-0 .play").click()
    until(opened, "[...document.querySelectorAll('#clip-0 video')].every(v => v.paused && !v.seeking)")
    assert spread(times(opened)) < 1e-3
    told = opened.locator("#clip-0 output").inner_text()
    assert float(told.removesuffix(" s")) == pytest.approx(times(opened)[0], abs=0.01)
    assert opened.locator("#clip-0 .plot .now").count() == 1


def test_they_go_to_any_frame_together_also_while_they_play(opened: Page) -> None:
    still = "[...document.querySelectorAll('#clip-1 video')].every(video => !video.seeking)"

    def go(seconds: float) -> None:
        opened.locator("#clip-1 input").evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", seconds
        )

    go(2.0)
    until(opened, still)
    assert times(opened, 1) == pytest.approx([2.02] * 3, abs=1e-3)
    for button, expected in (("next", 2.06), ("next", 2.10), ("back", 2.06)):
        opened.locator(f"#clip-1 .{button}").click()
        until(opened, still)
        assert times(opened, 1) == pytest.approx([expected] * 3, abs=1e-3)
    opened.locator("#clip-1 .play").click()
    go(0.4)
    until(opened, "(at => at > 0.8 && at < 1.9)(document.querySelector('#clip-1 video').currentTime)")
    assert spread(times(opened, 1)) < FRAME


def test_at_the_end_they_stop_and_begin_again(opened: Page) -> None:
    paused = "[...document.querySelectorAll('#clip-0 video')].every(v => v.paused && !v.seeking)"
    opened.locator("#clip-0 input").evaluate(
        "slider => { slider.value = 2.6; slider.dispatchEvent(new Event('input')); }"
    )
    opened.locator("#clip-0 video").first.click()
    until(opened, "document.querySelector('#clip-0 .play').ariaLabel === 'Play'")
    until(opened, paused)
    assert times(opened) == pytest.approx([2.98] * 3, abs=1e-3)
    opened.locator("#clip-0 .play").click()
    until(opened, "(at => at > 0.2 && at < 2)(document.querySelector('#clip-0 video').currentTime)")
    assert spread(times(opened)) < FRAME


def test_only_one_clip_sounds_and_only_its_real_video(opened: Page) -> None:
    opened.locator("#clip-0 .play").click()
    until(opened, "document.querySelector('#clip-0 video').webkitAudioDecodedByteCount > 0")
    assert opened.evaluate("[...document.querySelectorAll('#clip-0 video')].map(video => video.muted)") == [
        False,
        True,
        True,
    ]
    opened.locator("#clip-2 .play").click()
    until(opened, "document.querySelector('#clip-2 video').currentTime > 0.1")
    assert opened.evaluate("[...document.querySelectorAll('#clip-0 video')].every(video => video.paused)")


def column(page: Page, sheet: str, number: int) -> list[str]:
    """The cells of a column, from above."""
    return page.locator(f'[data-sheet="{sheet}"] tbody tr > :nth-child({number})').all_inner_texts()


def test_the_table_of_clips_is_sorted_by_the_heading_that_is_pressed(
    opened: Page, made: tuple[Evaluation, Path]
) -> None:
    table = pq.ParquetFile(made[1] / "clips.parquet").read().to_pylist()
    psnr = {row["clip_id"]: row["psnr"] for row in table if row["video"] == "soft"}
    assert column(opened, "clips", 1) == sorted(CLIPS)
    heading = opened.locator('[data-sheet="clips"] thead button', has_text="PSNR")
    heading.click()
    assert column(opened, "clips", 1) == sorted(CLIPS, key=lambda clip: psnr[clip])
    assert column(opened, "clips", 4) == [f"{value:.2f}" for value in sorted(psnr.values())]
    sorted_by = opened.locator('[data-sheet="clips"] [aria-sort]')
    assert (sorted_by.count(), sorted_by.get_attribute("aria-sort")) == (1, "ascending")
    heading.click()
    assert column(opened, "clips", 1) == sorted(CLIPS, key=lambda clip: -psnr[clip])
    assert sorted_by.get_attribute("aria-sort") == "descending"


def test_the_tables_show_the_video_that_is_chosen_or_a_difference(
    opened: Page, made: tuple[Evaluation, Path]
) -> None:
    scores = {clip.clip_id: clip.scores for clip in made[0].scored}
    choice = opened.locator('[data-sheet="clips"] select')
    assert choice.locator("option").all_inner_texts() == ["soft", "late", "still", "real", "late less soft"]
    choice.select_option("real")
    assert column(opened, "clips", 4) == ["–"] * 3  # noqa: RUF001 - a dash for what is not measured
    choice.select_option("late less soft")
    differences = [scores[clip]["late"]["psnr"] - scores[clip]["soft"]["psnr"] for clip in sorted(CLIPS)]
    shown = [float(cell.replace("\u2212", "-")) for cell in column(opened, "clips", 4)]
    assert shown == pytest.approx(differences, abs=0.006)
    assert column(opened, "speakers", 1) == ["s1", "s2", "s3"]
    assert column(opened, "speakers", 3) == [f"{scores[clip]['soft']['psnr']:.2f}" for clip in sorted(CLIPS)]


def test_worst_and_best_clips_lead_to_their_videos(opened: Page, made: tuple[Evaluation, Path]) -> None:
    tags = picks(made[0])
    for number, clip in enumerate(tags):
        figure = opened.locator(f"#clip-{number}")
        assert figure.locator("h3").inner_text() == clip
        assert figure.locator(".tags li").all_inner_texts() == tags[clip]
    opened.locator(".extremes a").first.click()
    target = opened.locator(":target")
    assert "worst PSNR" in target.locator(".tags").inner_text()


@pytest.mark.parametrize("width", [390, 768])
def test_nothing_hangs_over_the_edge_of_a_phone(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 844})
    opened.wait_for_timeout(200)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.evaluate(
        "[...document.querySelectorAll('figure, .table, .videos')].every(e => e.getBoundingClientRect().right"
        " <= innerWidth)"
    )
    row = opened.locator("#clip-0 .videos video").all()
    assert len({round(video.bounding_box()["y"]) for video in row}) == 1  # type: ignore[index]


def test_a_browser_tells_when_the_page_is_broken(
    made: tuple[Evaluation, Path], tmp_path: Path, chromium: Any
) -> None:
    broken = tmp_path / "broken.html"
    text = (made[1] / "evaluation.html").read_text(encoding="utf-8")
    broken.write_text(text.replace("function fill() {", "function fill() { nothing();"))
    page, complaints = chromium.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(broken.as_uri())
    page.close()
    assert len(complaints) == 1


def test_what_a_person_wrote_is_shown_as_it_is_and_never_run(
    tab: Page, made: tuple[Evaluation, Path], tmp_path: Path
) -> None:
    hostile = (
        '</title></script><script>alert("x")</script><img src=x onerror=alert(1)>&amp;{{ title }}@@charts'
    )
    evaluation = made[0]
    clips = tuple(
        replace(
            clip,
            clip_id=hostile + str(number),
            speaker=hostile,
            scores={hostile if name == "soft" else name: each for name, each in clip.scores.items()},
            openings={hostile if name == "soft" else name: each for name, each in clip.openings.items()},
        )
        for number, clip in enumerate(evaluation.scored)
    )
    rows = (replace(evaluation.rows[0], name=hostile), *evaluation.rows[1:])
    path = tmp_path / "page.html"
    changed = replace(evaluation, title=hostile, scored=clips, rows=rows, comparisons=())
    path.write_text(evaluation_page.render(changed, {}), encoding="utf-8")
    tab.goto(path.as_uri())
    assert tab.locator("img").count() == 0
    assert tab.locator("script").count() == 3
    assert tab.locator("h1").inner_text() == f"{hostile} against late"
    assert column(tab, "clips", 1) == [f"{hostile}{number}" for number in range(3)]
    assert column(tab, "speakers", 1) == [hostile]


def test_the_page_stays_small_and_says_what_it_leaves_out(
    made: tuple[Evaluation, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = made[0]
    films = {clip.clip_id: {"real": bytes(3000), "soft": bytes(3000)} for clip in evaluation.scored}
    assert evaluation_page.render(evaluation, films).count("<video") == 6
    monkeypatch.setattr(players, "MOST_BYTES", 17_000)
    text = evaluation_page.render(evaluation, films)
    assert (text.count("<video"), text.count("Too large for this page.")) == (4, 1)
    monkeypatch.setattr(players, "MOST_CLIPS", 1)
    text = evaluation_page.render(evaluation, films)
    assert (text.count("<figure"), text.count('href="#clip-')) == (1, text.count('href="#clip-0"'))


def test_a_run_by_itself_is_held_against_the_still_frame(made: tuple[Evaluation, Path]) -> None:
    evaluation = made[0]
    alone = replace(evaluation, rows=(evaluation.rows[0], *evaluation.rows[2:]), comparisons=())
    (line,) = evaluation_page.verdicts(alone)
    assert line.startswith("soft against the still frame: no difference shown in PSNR")
    assert len(evaluation_page.verdicts(evaluation)) == 3


def test_a_clip_without_a_mouth_or_a_score_does_not_spoil_the_page(made: tuple[Evaluation, Path]) -> None:
    evaluation = made[0]
    first = evaluation.scored[0]
    unknown = replace(
        first,
        speaker="",
        scores={name: dict.fromkeys(each, float("nan")) for name, each in first.scores.items()},
        openings={"real": np.full(75, np.nan, np.float32)},
    )
    rows = tuple(VideoScores(row.name, {}) for row in evaluation.rows)
    text = evaluation_page.render(replace(evaluation, scored=(unknown,), rows=rows, comparisons=()), {})
    assert "Speakers" not in text
    assert "NaN" not in text


def test_the_videos_are_the_frames_that_were_measured(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (4, 16, 12, 3)).astype(np.uint8)
    real = np.kron(frames, np.ones((1, 8, 8, 1), np.uint8))
    films = players.encode_videos(ClipVideos("a", real, {"made": 255 - real}))
    assert list(films) == ["real", "made"]
    for film, expected in zip(films.values(), (real, 255 - real), strict=True):
        path = tmp_path / "film.mp4"
        path.write_bytes(film)
        shown = np.stack(list(media.FrameReader(path)))
        assert comment(path) == ("" if expected is real else media.SYNTHETIC)
        assert shown.shape == expected.shape
        assert np.abs(shown.mean(axis=3) - expected.mean(axis=3)).mean() < 12
