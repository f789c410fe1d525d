"""The network: spatio-temporal convolutions, then bidirectional GRUs, then a label per frame.

After LipNet (Assael et al. 2016), but smaller, and for grey pictures. LipNet needs tens of thousands of
clips. Two changes let this network learn from hundreds, within minutes: the mean frame of a clip is
subtracted, and the convolutions have batch norms instead of dropout.
"""

from torch import Tensor, nn

from s2f.model.evaluation.learned.lipreading.labels import ALPHABET
from s2f.model.evaluation.learned.lipreading.mouths import ACROSS, DOWN


class LipNet(nn.Module):
    """Mouths (B, T, 40, 64) in grey levels to logits (B, T, 29): CTC's blank and the alphabet.

    Three convolutions over three frames each halve the picture four times; then two bidirectional GRUs
    read the codes of the frames.
    """

    def __init__(self, *, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.arguments = {"width": width, "hidden": hidden, "dropout": dropout}
        self.convolutions = nn.Sequential(
            *_layer(1, width, side=5, stride=2),
            *_layer(width, 2 * width, side=3, stride=1),
            *_layer(2 * width, 3 * width, side=3, stride=1),
        )
        code = 3 * width * (DOWN // 16) * (ACROSS // 16)
        self.recurrent = nn.GRU(code, hidden, 2, batch_first=True, bidirectional=True, dropout=dropout)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * hidden, len(ALPHABET) + 1))

    def forward(self, mouths: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.encode(mouths))
        return logits

    def encode(self, mouths: Tensor) -> Tensor:
        """The codes (B, T, 2 * hidden) of mouths, from which the labels are told."""
        seen = self.convolutions(moving(mouths)[:, None])
        codes: Tensor = self.recurrent(seen.transpose(1, 2).flatten(2))[0]
        return codes


def moving(mouths: Tensor) -> Tensor:
    """The difference of mouths (B, T, H, W) from the mean frame of their clip, with deviation 1 per clip.

    So skin, beard and light matter little, and a mouth that never moves is all zeros.
    """
    changes = mouths.float() - mouths.float().mean(dim=1, keepdim=True)
    return changes / (changes.std(dim=(1, 2, 3), keepdim=True) + 1e-3)


def _layer(inside: int, outside: int, *, side: int, stride: int) -> list[nn.Module]:
    """A convolution over three frames, with norm and ReLU, and a pooling that halves the picture."""
    padding = (1, side // 2, side // 2)
    return [
        nn.Conv3d(inside, outside, (3, side, side), (1, stride, stride), padding, bias=False),
        nn.BatchNorm3d(outside),
        nn.ReLU(inplace=True),
        nn.MaxPool3d((1, 2, 2)),
    ]
