"""What reading a damaged file raises."""

import zipfile

import cv2

from s2f.pipeline.core.errors import S2fError

# For a file that is missing, cut short or of another kind, by whichever reader.
UNREADABLE = (S2fError, OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, cv2.error)
