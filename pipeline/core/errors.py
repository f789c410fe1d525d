"""What can go wrong, and what to do about it.

S2fError                 every error meant for a person; carries a hint
├── ConfigError          stages.yaml or --set cannot be used
├── InputError           a file or folder given by the user does not serve
│   └── MediaError       a video, picture or sound cannot be read or written
│       └── CodecError, TimeStampError, SizeError, SampleError: its streams do not serve
├── OutputError          a file or folder cannot be written: the run stops, what is done stays
├── CheckpointError      a run folder or checkpoint cannot be used
├── TrainingError        the training itself has gone wrong
├── ExportError          an exported network does not do what the network does
└── MissingError         a package or model file is not installed

Rejected                 not an error: a verdict on the material of one clip
"""


class S2fError(Exception):
    """An error to be shown to a person: what is wrong, and a hint on what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type["S2fError"], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class ConfigError(S2fError):
    """The settings cannot be used."""


class InputError(S2fError):
    """A file or folder that the user named does not serve."""


class MediaError(InputError):
    """A video, picture or sound cannot be read or written."""


class OutputError(S2fError):
    """A file or folder cannot be written."""


class CodecError(MediaError):
    """The codec of a file's picture or sound is not known to ffmpeg."""


class TimeStampError(MediaError):
    """The time stamps of a stream go back or jump, as where two recordings are put together."""


class SizeError(MediaError):
    """The size of the picture changes within a video."""


class SampleError(MediaError):
    """Samples of a sound are no numbers, or endless."""


class CheckpointError(S2fError):
    """A run folder or checkpoint cannot be used."""


class TrainingError(S2fError):
    """The training itself has gone wrong."""


class ExportError(S2fError):
    """An exported network does not do what the network does."""


class MissingError(S2fError):
    """A package or model file that is needed is not installed."""


class Rejected(Exception):  # noqa: N818 - a verdict on the material, not an error
    """A clip that cannot be used: a reason code and a sentence.

    `columns` are what the stage had measured until then; they go into the clip's row.
    """

    def __init__(self, reason: str, message: str, /, **columns: object) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message
        self.columns = columns
