"""The page of a run: complete in itself, true to the run, safe to open, and drawn by a real browser."""

import io
import json
import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.model_runs import TINIEST
from support.model_shards import make_shards

from s2f.model.training import charts, report, report_samples
from s2f.model.training.config import TrainParams
from s2f.model.training.curves import read_metrics
from s2f.model.training.report import About, Progress
from s2f.model.training.trainer import train
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Media

VOID = {"meta", "link", "img", "br"}
TINY = {**TINIEST, "batch": 2, "frames": 3, "judged_frames": 1, "workers": 0, "device": "cpu"}
OFTEN = {"validate_every": 2, "validation_frames": 6, "save_every": 2, "log_every": 1, "patience": 0}
ABOUT = About("out/drawn", 5, Media(Fraction(25), 16_000), "cpu", TrainParams())
ROWS = [
    {"step": step, "val/l1": l1, "val/l1_still": 0.06, "val/psnr": 25.0, "val/psnr_still": 24.0}
    for step, l1 in ((10, 0.07), (20, 0.05), (30, 0.055))
]


class Page(HTMLParser):
    """The elements of a page with their attributes, its visible text, and its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    def charts(self) -> dict[str, dict[str, Any]]:
        return {chart["title"]: chart for chart in json.loads(self.texts["script"][0])}


def go(data: Path, run: Path, steps: int, *, resume: bool = False) -> Path:
    """Train so many steps; the page."""
    params = TrainParams.model_validate({**TINY, **OFTEN, "steps": steps})
    train(PreparedSet(data), run, params, resume=resume, console=Console(file=io.StringIO()))
    return run / "report.html"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"), train=4, val=2, frames=6)


@pytest.fixture(scope="module")
def resumed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of 6 steps that was stopped after 3."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    go(data, run, 3)
    return go(data, run, 6, resume=True)


def render(
    name: str = "run",
    about: About = ABOUT,
    curves: list[dict[str, Any]] | None = None,
    validations: list[dict[str, Any]] | None = None,
    film: bytes | None = None,
) -> str:
    rows = ROWS if validations is None else validations
    return report.render(name, about, Progress(30, 60.0), curves or [], rows, lambda step, ending: film)


def test_the_page_needs_nothing_but_itself(resumed: Path) -> None:
    text = resumed.read_text(encoding="utf-8")
    page = Page(text)
    assert not re.search(r"https?:|@import", text)
    assert set(re.findall(r"url\((.)", text)) == {"#"}
    for _, attributes in page.elements:
        for name in ("src", "href", "poster", "srcset", "action"):
            assert (attributes.get(name) or "data:").startswith("data:")
    kinds = [
        str(attributes["src"]).partition(";")[0] for _, attributes in page.elements if "src" in attributes
    ]
    assert kinds[:2] == ["data:video/mp4", "data:image/jpeg"]
    assert resumed.stat().st_size < 3_000_000


def test_the_curves_are_the_points_of_the_run_and_none_comes_twice(resumed: Path) -> None:
    found = Page(resumed.read_text(encoding="utf-8")).charts()
    rows = [json.loads(line) for line in (resumed.parent / "curves.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    drawn = found["L1 on training clips"]["series"][0]["points"]
    assert drawn == [[row["step"], pytest.approx(row["generator/l1"], rel=1e-4)] for row in rows]
    generator, discriminator = found["Generator against frame discriminator"]["series"]
    assert generator["points"] == [
        [row["step"], pytest.approx(row["generator/frame"], rel=1e-4)] for row in rows
    ]
    assert discriminator["points"][-1] == [6, pytest.approx(rows[-1]["discriminator/frame"], rel=1e-4)]
    scores = read_metrics(resumed.parent)
    assert [row["step"] for row in scores] == [2, 3, 4, 6]
    for series, tag in zip(found["L1 of the lower half"]["series"], ("val/l1", "val/l1_still"), strict=True):
        assert series["points"] == [[row["step"], pytest.approx(row[tag], rel=1e-4)] for row in scores]
    assert 0 <= found["Waiting for data"]["series"][0]["points"][-1][1] <= 1


def test_the_page_tells_how_far_the_run_is_and_which_settings_are_its_own(resumed: Path) -> None:
    text = resumed.read_text(encoding="utf-8")
    page = Page(text)
    assert page.texts["h1"] == ["tiny"]
    assert "step 6 of 6, finished" in page.texts["li"]
    marked = re.findall(r'<tr class="other"><th scope="row">(\w+)</th>', text)
    assert set(marked) == {*TINY, *OFTEN, "steps"}
    assert len(re.findall(r'<tr(?: class="other")?><th scope', text)) == len(TrainParams.model_fields)
    assert "4<small>instead of 64</small>" in text


@pytest.mark.parametrize("recipe", ["bmvc2018", "ijcv2019"])
def test_a_recipe_as_it_is_has_no_marks(recipe: str) -> None:
    about = replace(ABOUT, params=TrainParams.model_validate({"recipe": recipe}))
    marked = re.findall(r'<tr class="other"><th scope="row">(\w+)</th>', render(about=about))
    assert marked == []


def test_what_a_person_wrote_is_shown_as_it_is_and_never_run() -> None:
    hostile = (
        '</title></script><script>alert("x")</script><img src=x onerror=alert(1)>&amp;{{ title }}@@charts'
    )
    about = replace(ABOUT, data=hostile, params=TrainParams(cache=hostile))
    curves = [{"step": 1, "seconds": 1.0, "speed/frames_per_second": 1.0, "speed/waiting": 0.0}]
    curves[0][f"discriminator/{hostile}"] = 1.0
    harmless, page = Page(render(curves=curves)), Page(render(hostile, about, curves))
    for tag in ("script", "img", "title"):
        assert page.count(tag) == harmless.count(tag)
    assert "".join(page.texts["h1"]) == hostile
    assert hostile in "".join(page.texts["td"])
    assert f"Generator against {hostile} discriminator" in page.charts()


def test_the_best_validation_is_marked_and_told() -> None:
    page = Page(render())
    assert page.charts()["L1 of the lower half"]["mark"] == 20
    assert "The best was that of step 20, one validation ago." in report.verdict(ROWS)
    assert "8.3 % nearer to the real ones" in report.verdict(ROWS)
    assert "the photo alone is nearer" in report.verdict(ROWS[:1])
    assert "The best was" not in report.verdict(ROWS[:2])


def test_a_run_without_a_validation_has_a_page() -> None:
    page = Page(render(validations=[]))
    assert page.count("video") == page.count("img") == 0
    assert "There is no validation yet: the losses below are all there is to see." in page.texts["p"]


def test_scores_that_are_not_numbers_or_not_known_do_not_spoil_the_page() -> None:
    rows = [{**row, "val/psnr": float("inf"), "val/mouth": float("nan"), "val/new_one": 0.5} for row in ROWS]
    found = Page(render(validations=rows)).charts()
    assert found["PSNR"]["series"][0]["points"] == found["Mouth"]["series"][0]["points"] == []
    assert found["new one"]["series"][0]["points"] == [[10, 0.5], [20, 0.5], [30, 0.5]]


def test_a_film_that_is_too_large_is_named() -> None:
    page = Page(render(film=bytes(report_samples.MOST_FILM + 1)))
    assert page.count("video") == 0
    assert "Too large for this page: samples/step-000030.mp4" in page.texts["p"]


def test_long_curves_are_thinned_to_means() -> None:
    rows = [{"step": step, "tag": float(step % 2)} for step in range(1, 100_001)]
    points = charts.points(rows, "tag")
    assert len(points) == charts.MOST_POINTS
    assert points[-1][0] == 100_000
    assert {value for _, value in points} == {0.5}
    assert charts.points(rows[:5], "tag") == [(1, 1.0), (2, 0.0), (3, 1.0), (4, 0.0), (5, 1.0)]


def opened(browser: str, path: Path, profile: Path, width: int) -> tuple[str, list[str]]:
    """A page after its scripts have run in a window of some width, and what they complained of."""
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    quiet += ["--disable-sync", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    shown = [f"--window-size={width},2000", "--virtual-time-budget=3000", "--enable-logging=stderr", "--v=0"]
    done = subprocess.run(
        [browser, "--headless", *quiet, *shown, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_draws_every_curve(browser: str, resumed: Path, tmp_path: Path, width: int) -> None:
    dom, complaints = opened(browser, resumed, tmp_path, width)
    assert complaints == []
    found = Page(resumed.read_text(encoding="utf-8")).charts()
    expected = [len(series["points"]) for chart in found.values() for series in chart["series"]]
    drawn = [
        [float(number) for number in re.findall(r"-?[\d.]+", path)]
        for path in re.findall(r'<path class="curve \w+" d="([^"]*)"', dom)
    ]
    assert [len(numbers) // 2 for numbers in drawn] == expected
    assert len(drawn) > 8
    for across in (numbers[::2] for numbers in drawn):
        assert across == sorted(set(across))
        assert 0 < across[0] <= across[-1] < width
    assert len(re.findall(r'<circle class="best"', dom)) == 1


def test_a_browser_shows_the_values_under_the_pointer(browser: str, resumed: Path, tmp_path: Path) -> None:
    move = """<script>addEventListener("load", () => setTimeout(() => {
        const plot = document.querySelector(".plot"), place = plot.getBoundingClientRect();
        plot.dispatchEvent(new PointerEvent("pointermove", { clientX: place.right, clientY: place.top }));
    }, 500))</script></body>"""
    pointed = tmp_path / "pointed.html"
    pointed.write_text(resumed.read_text(encoding="utf-8").replace("</body>", move))
    dom, complaints = opened(browser, pointed, tmp_path / "profile", 800)
    assert complaints == []
    (tip,) = re.findall(r'<div class="tip" style=[^>]*>(.*?)</div></div>', dom)
    last = read_metrics(resumed.parent)[-1]
    shown = re.fullmatch(r"step 6<div>generated ([\d.]+)</div><div>photo ([\d.]+)", tip)
    assert shown
    # The page's numbers are rounded before they are shown.
    wanted = [last["val/l1"], last["val/l1_still"]]
    assert [float(each) for each in shown.groups()] == pytest.approx(wanted, rel=1e-3)


def test_a_browser_tells_when_the_page_is_broken(browser: str, resumed: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(resumed.read_text(encoding="utf-8").replace("JSON.parse(", "JSON.parse(1 + "))
    dom, complaints = opened(browser, broken, tmp_path / "profile", 800)
    assert len(complaints) == 1
    assert "<path" not in dom
