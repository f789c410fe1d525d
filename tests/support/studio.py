"""A studio that is served as a person serves it, who asks it, and a training for it to show."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from s2f.model.training.config import TrainParams
from s2f.model.training.samples import sample_path
from s2f.pipeline.core.pictures import encode_png
from s2f.pipeline.faces.base import Picture


@dataclass(frozen=True)
class Served:
    """A studio: its folder, its address, and where it keeps files for a while."""

    folder: Path
    address: str
    temporary: Path

    def files(self) -> list[str]:
        """The names of the files that it keeps."""
        return sorted(path.name for path in self.temporary.rglob("*") if path.is_file())


@dataclass
class Answer:
    """What the studio answers: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


class Client:
    """A program that asks as a browser does; it keeps the cookie."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, body, sent, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


@contextmanager
def serving(folder: Path, temporary: Path, *options: str) -> Iterator[Served]:
    """`s2f studio` on a folder, until Ctrl-C."""
    temporary.mkdir()
    command = [sys.executable, "-c", "from s2f.pipeline.app.cli import main; main()", "studio", str(folder)]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        [*command, "--port", "0", *options], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout
        try:
            found = re.search(r"http://\S+:\d+", process.stdout.readline())
            assert found
            yield Served(folder, found[0], temporary)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert list(temporary.glob("s2f-studio-*")) == []


def write_training(run: Path, picture: Picture) -> None:
    """A training with two validations, as far as it has come."""
    (run / "samples").mkdir(parents=True)
    (run / "train.yaml").write_text(TrainParams(steps=40).model_dump_json())
    (run / "run.json").write_text(json.dumps({"format": 1, "data": "/somewhere/out"}))
    for step in (10, 20):
        add_validation(run, step, picture)


def add_validation(run: Path, step: int, picture: Picture) -> None:
    """The next lines of its logs, and its sample."""
    curve = {"step": step, "seconds": 1.5 * step, "generator/l1": 1 / step, "rate/generator": 1e-4}
    curve |= {"speed/frames_per_second": 100.0, "speed/waiting": 0.0}
    scores = {
        "step": step,
        "val/l1": 1 / step,
        "val/l1_still": 0.05,
        "val/psnr": 30.0,
        "val/psnr_still": 29.0,
    }
    sample_path(run, step, "png").write_bytes(encode_png(picture))
    for name, row in (("curves", curve), ("metrics", scores)):
        with (run / f"{name}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
