"""How sharp the pictures of a video are, told from the video alone: FDBM and CPBD.

Both work on grey pictures and give one value per frame.
"""

import cv2
import numpy as np
import numpy.typing as npt

from s2f.model.metrics import Frames, Values

# FDBM: magnitudes above this share of the largest one count (De and Masilamani 2013).
LEAST_MAGNITUDE = 1 / 1000

# CPBD (Narvekar and Karam 2011).
BLOCK = 64  # side of a block, px
EDGE_SHARE = 0.002  # of a block's pixels must be edges
LOW_CONTRAST, WIDE, NARROW = 50, 5, 3  # the width of a just noticeable blur, by the block's contrast, px
STEEP = np.tan(np.deg2rad(22.5))  # gradients further from the horizontal than that are measured in no row

# Canny's thresholds, relative to the picture, and its blur: those of the reference implementation.
CANNY_QUIET, CANNY_LOW, CANNY_SIGMA = 0.7, 0.4, np.sqrt(2)

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Widths = npt.NDArray[np.int16]


def fdbm(video: Frames) -> Values:
    """Frequency domain blurriness measure of each frame (n,), in (0, 1]; higher is sharper.

    The share of a grey picture's Fourier magnitudes that exceed a thousandth of the largest.
    """
    magnitudes = np.abs(np.fft.fft2(_grey(video)))
    largest = magnitudes.max(axis=(1, 2), keepdims=True)
    return np.asarray((magnitudes > largest * LEAST_MAGNITUDE).mean(axis=(1, 2)), np.float64)


def cpbd(video: Frames) -> Values:
    """Cumulative probability of blur detection of each frame (n,), in [0, 1]; higher is sharper.

    The share of edges whose blur is noticed with a probability of at most 63 %. An edge of width w is
    noticed as blurred with P = 1 - exp(-(w / w_JNB)^3.6), which is 63 % at w_JNB and rises with w: so
    it is the share of edges that are not wider than w_JNB. Only whole blocks of 64 px count, from the
    upper left corner on: at 96 x 128 the columns 0 to 63. nan where a frame has no edge in them.
    """
    grey = _grey(video)
    widths = edge_widths(grey)
    measured = noticed = np.zeros(len(grey), np.int64)
    canny = np.stack([canny_edges(picture) for picture in grey])
    for top in range(0, grey.shape[1] - BLOCK + 1, BLOCK):
        for left in range(0, grey.shape[2] - BLOCK + 1, BLOCK):
            block = (slice(None), slice(top, top + BLOCK), slice(left, left + BLOCK))
            busy = canny[block].mean(axis=(1, 2)) > EDGE_SHARE
            contrast = np.ptp(grey[block], axis=(1, 2))
            just_noticeable = np.where(contrast <= LOW_CONTRAST, WIDE, NARROW)[:, None, None]
            edges = (widths[block] > 0) & busy[:, None, None]
            measured = measured + edges.sum(axis=(1, 2))
            noticed = noticed + (edges & (widths[block] > just_noticeable)).sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        return np.asarray(1 - noticed / measured, np.float64)


def edge_widths(grey: Grey) -> Widths:
    """The width in px of each vertical edge of grey pictures (n, height, width), 0 where there is none.

    After Marziliano et al. 2004: how far the row goes on rising, or falling, to both sides of the edge.
    The pixels beside an edge always count, so the least width is 2; at the picture's border it ends.
    """
    pictures = grey.astype(np.int16)
    across = np.zeros_like(pictures)
    down = np.zeros_like(pictures)
    across[:, :, 1:-1] = pictures[:, :, 2:] - pictures[:, :, :-2]
    down[:, 1:-1] = pictures[:, 2:] - pictures[:, :-2]
    level = np.abs(down) < STEEP * np.abs(across)
    widths = np.where(across > 0, _run_widths(pictures), _run_widths(-pictures))
    edges = np.stack([vertical_edges(picture) for picture in grey]) & level
    edges[:, (0, -1)] = edges[:, :, (0, -1)] = False
    return np.asarray(widths * edges, np.int16)


def vertical_edges(grey: Grey) -> Mask:
    """The vertical edges of a grey picture by Sobel's operator, thinned, as a mask.

    Stronger than twice the root mean square of the gradient, and the strongest of its row or of its
    column nearby: the automatic choice of the reference implementation.
    """
    strength = np.square(cv2.Sobel(grey, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REPLICATE))
    padded = np.pad(strength, 1)
    inner = padded[1:-1, 1:-1]
    in_row = (inner >= padded[1:-1, :-2]) & (inner > padded[1:-1, 2:])
    in_column = (inner >= padded[:-2, 1:-1]) & (inner > padded[2:, 1:-1])
    return np.asarray((strength > 4 * strength.mean(dtype=np.float64)) & (in_row | in_column))


def canny_edges(grey: Grey) -> Mask:
    """The edges of a grey picture by Canny's operator, as a mask.

    The upper threshold leaves 70 % of the pixels below it, the lower one is 0.4 of it, so that neither
    depends on the contrast.
    """
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), CANNY_SIGMA, borderType=cv2.BORDER_REPLICATE)
    # Canny takes whole numbers; 16 times finer they lose nothing.
    x, y = (
        np.round(16 * cv2.Sobel(smooth, cv2.CV_32F, *order, borderType=cv2.BORDER_REPLICATE)).astype(np.int16)
        for order in ((1, 0), (0, 1))
    )
    upper = float(np.quantile(np.hypot(x.astype(np.float32), y), CANNY_QUIET))
    found = cv2.Canny(x, y, CANNY_LOW * upper, upper, L2gradient=True)
    return np.asarray(found > 0)


def _run_widths(pictures: npt.NDArray[np.int16]) -> Widths:
    """For each pixel the width of the rise that it lies in: (n, height, width).

    From the last pixel to the left up to which values fall to the first one to the right up to which
    they rise, its neighbours at least.
    """
    rises = np.diff(pictures, axis=2) > 0
    left = np.zeros(pictures.shape, np.int16)
    for column in range(1, pictures.shape[2]):
        left[:, :, column] = (left[:, :, column - 1] + 1) * rises[:, :, column - 1]
    right = np.zeros(pictures.shape, np.int16)
    for column in range(pictures.shape[2] - 2, -1, -1):
        right[:, :, column] = (right[:, :, column + 1] + 1) * rises[:, :, column]
    widths = np.full(pictures.shape, 2, np.int16)
    widths[:, :, 1:] += left[:, :, :-1]
    widths[:, :, :-1] += right[:, :, 1:]
    return widths


def _grey(video: Frames) -> Grey:
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video])
