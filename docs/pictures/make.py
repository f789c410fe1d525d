"""Make photo.jpg and studio.jpg: the portrait of the demo, by NASA and in the public domain, speaks.

python docs/pictures/make.py. The demo has closed the mouth that smiles in the original. The studio is shown
by the Chromium that S2F_BROWSER names.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from skimage import data

from s2f.pipeline.demo.portrait import LEFT, SCALE, TOP, Picture, portrait

HERE = Path(__file__).parent
TEXT = "Good morning! This photo has never said a word before."
# Where the face is in the original, and the frames that are shown.
FACE = (158, 62, 288, 192)
SHOWN = (0, 5, 10, 17, 40, 46, 62, 94)
SIDE = 200
PROGRAM = Path(sys.executable).with_name("s2f")
# The studio at a desktop and on a phone; px of the windows, and of both pictures together.
DESKTOP, PHONE, HEIGHT = (1000, 1110), (390, 1480), 900
MADE = 120_000


def main() -> None:
    """Both pictures."""
    with tempfile.TemporaryDirectory() as name:
        still = Path(name) / "me.png"
        Image.fromarray(photo()).save(still)
        speaking(still, Path(name) / "me.mp4")
        studio(still, Path(name))


def speaking(still: Path, video: Path) -> None:
    """The photo on the left, the face in some frames on the right."""
    subprocess.run([PROGRAM, "animate", "--image", still, "--text", TEXT, "--out", video], check=True)
    with av.open(str(video)) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    sheet = Image.new("RGB", (6 * SIDE, 2 * SIDE))
    sheet.paste(frames[SHOWN[3]].resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS), (0, 0))
    for place, number in enumerate(SHOWN):
        face = frames[number].crop(FACE).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(face, ((2 + place % 4) * SIDE, place // 4 * SIDE))
    sheet.save(HERE / "photo.jpg", quality=88)


def studio(still: Path, folder: Path) -> None:
    """The studio with the video that it has made, at a desktop and on a phone."""
    command = [PROGRAM, "studio", folder, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as started:
        assert server.stdout
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found
        program = os.environ["S2F_BROWSER"]
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shown = [shot(browser, found[0], still, folder, size) for size in (DESKTOP, PHONE)]
        browser.close()
        server.terminate()
    wide = [each.resize((round(each.width * HEIGHT / each.height), HEIGHT)) for each in shown]
    sheet = Image.new("RGB", (wide[0].width + SIDE // 10 + wide[1].width, HEIGHT), "white")
    sheet.paste(wide[0], (0, 0))
    sheet.paste(wide[1], (sheet.width - wide[1].width, 0))
    sheet.save(HERE / "studio.jpg", quality=85)


def shot(browser: Browser, address: str, still: Path, folder: Path, size: tuple[int, int]) -> Image.Image:
    """The page in a window of this width and height, after the photo has spoken."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(address)
    page.set_input_files("#photo-file", still)
    page.locator("[name=speech-from][value=text]").check()
    page.locator("textarea").fill(TEXT)
    page.get_by_role("button", name="Make it speak").click()
    page.locator("figure.made").wait_for(timeout=MADE)
    page.wait_for_timeout(1500)
    path = folder / f"{size[0]}.png"
    page.screenshot(path=path)
    page.close()
    return Image.open(path).convert("RGB")


def photo() -> Picture:
    """The original with the closed mouth."""
    whole = data.astronaut()
    closed = portrait().closed
    height, width = (side // SCALE for side in closed.shape[:2])
    whole[TOP : TOP + height, LEFT : LEFT + width] = cv2.resize(
        closed, (width, height), interpolation=cv2.INTER_AREA
    )
    return whole


if __name__ == "__main__":
    main()
