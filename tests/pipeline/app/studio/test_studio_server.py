"""What the studio's server lets in, what it keeps, and for how long."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.prepared import Command, refused
from support.studio import Client, Served, serving

from s2f.pipeline.app.studio.folder import Folder
from s2f.pipeline.app.studio.sessions import KEPT, MOST, Limits, Sessions, plain, receive
from s2f.pipeline.core.errors import InputError

LIMITS = Limits(upload=1000, upload_seconds=0.2, speech=1.0)


@pytest.fixture(scope="module")
def narrow(material: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio with narrow limits."""
    options = ("--upload-mb", "0.5", "--speech-seconds", "1")
    with serving(folder, tmp_path_factory.mktemp("small") / "tmp", *options) as served:
        yield served


def order(client: Client, **told: object) -> object:
    """Ask for an animation, and wait for its end."""
    answer = client.ask("/animation", "POST", json.dumps(told).encode())
    if answer.status != 202:
        return answer.told
    while True:
        told = client.ask("/animation").told
        if told["state"] not in ("waiting", "working"):
            return told
        time.sleep(0.1)


def test_it_is_bound_to_this_machine_alone(studio: Served) -> None:
    assert studio.address.startswith("http://127.0.0.1:")


def test_files_that_are_too_large_and_speech_that_is_too_long_are_refused(
    narrow: Served, material: Path
) -> None:
    client = Client(narrow.address)
    large = client.ask("/files/photo", "PUT", bytes(600_000), X_Name="big.png")
    assert large.status == 422
    assert large.told["message"] == "big.png is larger than 0.5 MB"
    assert narrow.files() == []
    assert order(client, text="hello")["message"] == "there is no photo"  # type: ignore[index]
    for kind, name in (("photo", "me.png"), ("speech", "speech.wav")):
        assert client.ask(f"/files/{kind}", "PUT", (material / name).read_bytes(), X_Name=name).status == 204
    told = order(client)
    assert told["message"] == "speech.wav is longer than 1 s"  # type: ignore[index]
    # The page may hear of the end a moment before what it sent is deleted.
    until = time.monotonic() + 20
    while narrow.files() and time.monotonic() < until:
        time.sleep(0.05)
    assert narrow.files() == []


def test_other_pages_are_not_let_in(studio: Served) -> None:
    client = Client(studio.address)
    assert client.ask("/", Host="evil.example:80").status == 403
    assert client.ask("/animation", "DELETE", Origin="http://evil.example").status == 403
    assert client.ask("/animation", "DELETE", Origin=studio.address).status == 204
    headers = client.ask("/").headers
    assert headers["x-frame-options"] == "DENY"


def test_nothing_outside_of_the_folder_is_read(studio: Served, folder: Path, tmp_path: Path) -> None:
    client = Client(studio.address)
    found = client.ask("/folder").told
    assert found == {"runs": {"runs/one": "generator"}, "generators": [], "sets": ["out"]}
    for name in ("..", "/etc", f"../{folder.name}", "runs/none", "a\0b"):
        for path in ("run", "set"):
            assert client.ask(f"/{path}?name={name}".replace("\0", "%00")).status == 422
    assert "lies outside" in client.ask("/run?name=/etc").told["message"]
    elsewhere = tmp_path / "run"
    elsewhere.mkdir()
    (elsewhere / "train.yaml").write_text("steps: 1")
    (folder / "linked").symlink_to(elsewhere)
    assert "lies outside" in client.ask("/run?name=linked").told["message"]
    (folder / "linked").unlink()


def test_a_raw_video_behind_a_link_is_not_played(tmp_path: Path) -> None:
    (tmp_path / "outside.mpg").write_bytes(b"1234")
    (tmp_path / "root/raw").mkdir(parents=True)
    (tmp_path / "root/raw/a.mpg").symlink_to(tmp_path / "outside.mpg")
    folder = Folder(tmp_path / "root")
    assert folder.raw_video("a.mpg", "4:0") is None
    (tmp_path / "root/raw/b.mpg").write_bytes(b"1234")
    assert folder.raw_video("b.mpg", "4:0") == tmp_path / "root/raw/b.mpg"
    assert folder.raw_video("b.mpg", "5:0") is None
    assert folder.raw_video("../outside.mpg", "4:0") is None


def test_what_comes_too_slowly_is_refused_and_deleted(tmp_path: Path) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"1"
        await asyncio.sleep(5)

    with pytest.raises(InputError, match=r"me\.png did not come within 0 s"):
        asyncio.run(receive(slow(), tmp_path / "me.png", LIMITS))
    assert list(tmp_path.iterdir()) == []


def test_what_tells_no_length_is_cut_at_the_limit(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(300)

    with pytest.raises(InputError, match=r"me\.png is larger than 0\.001 MB"):
        asyncio.run(receive(endless(), tmp_path / "me.png", LIMITS))
    assert list(tmp_path.iterdir()) == []


def test_idle_sessions_are_deleted(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    secret, session = sessions.begin()
    session.place("photo", "me.png").write_bytes(b"1")
    assert session.place("speech", "me.png").name == "speech-me.png"
    sessions.sweep()
    assert sessions.get(secret) is session
    sessions.sweep(kept=-1)
    assert sessions.get(secret) is None
    assert list(tmp_path.iterdir()) == []
    for _ in range(MOST):
        sessions.begin()
    with pytest.raises(InputError, match="too many people"):
        sessions.begin()
    assert KEPT > 0


@pytest.mark.parametrize(
    ("given", "kept"),
    (
        ("me.jpg", "me.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.jpg", "me.jpg"),
        (".hidden", "hidden"),
        ("", "file"),
        ("a\0b\n.png", "ab.png"),
        ("ü" * 300 + ".png", "ü" * 56 + ".png"),
    ),
)
def test_names_lead_nowhere(given: str, kept: str) -> None:
    assert plain(given) == kept


def test_a_port_that_is_taken_and_a_folder_that_is_none_are_refused(s2f: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused(s2f("studio", tmp_path, "--port", taken.getsockname()[1]), "cannot be listened to")
    refused(s2f("studio", tmp_path / "none"), "is no folder")
