"""Make photo.jpg: the portrait of the demo, by NASA and in the public domain, speaks as a whole photo.

python docs/pictures/make.py. The demo has closed the mouth that smiles in the original.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
from PIL import Image
from skimage import data

from s2f.pipeline.demo.portrait import LEFT, SCALE, TOP, Picture, portrait

HERE = Path(__file__).parent
TEXT = "Good morning! This photo has never said a word before."
# Where the face is in the original, and the frames that are shown.
FACE = (158, 62, 288, 192)
SHOWN = (0, 5, 10, 17, 40, 46, 62, 94)
SIDE = 200


def main() -> None:
    """The photo on the left, the face in some frames on the right."""
    with tempfile.TemporaryDirectory() as name:
        still, video = Path(name) / "me.png", Path(name) / "me.mp4"
        Image.fromarray(photo()).save(still)
        speak = ["animate", "--image", str(still), "--text", TEXT, "--out", str(video)]
        subprocess.run([Path(sys.executable).with_name("s2f"), *speak], check=True)
        with av.open(str(video)) as container:
            frames = [frame.to_image() for frame in container.decode(video=0)]
    sheet = Image.new("RGB", (6 * SIDE, 2 * SIDE))
    sheet.paste(frames[SHOWN[3]].resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS), (0, 0))
    for place, number in enumerate(SHOWN):
        face = frames[number].crop(FACE).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(face, ((2 + place % 4) * SIDE, place // 4 * SIDE))
    sheet.save(HERE / "photo.jpg", quality=88)


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
