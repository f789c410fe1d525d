"""The network: spatio-temporal convolutions, bidirectional GRUs, a label per frame.

After LipNet (Assael et al. 2016). From hundreds of clips instead of its tens of thousands it learns
within minutes, rather than hardly at all, by what LipNet lacks: what never moves in a clip is taken
away, and the convolutions have batch norms instead of dropout. It is smaller, and sees grey.
"""

from torch import Tensor, nn

from s2f.model.evaluation.learned.lipreading.labels import ALPHABET
from s2f.model.evaluation.learned.lipreading.mouths import ACROSS, DOWN


class LipNet(nn.Module):
    """Mouths (B, T, 40, 64) in grey levels to logits (B, T, 29): CTC's blank and the alphabet.

    Three convolutions, each of which sees one frame more to either side, halve the picture four times;
    then two GRUs in both directions read the codes of the frames.
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
        seen = self.convolutions(moving(mouths)[:, None])
        codes, _ = self.recurrent(seen.transpose(1, 2).flatten(2))
        logits: Tensor = self.classifier(codes)
        return logits


def moving(mouths: Tensor) -> Tensor:
    """What differs from the mean frame of its clip, with deviation 1 over each clip (T, H, W) of a batch.

    So skin, beard and light count for little, and a mouth that never moves is nothing at all.
    """
    changes = mouths.float() - mouths.float().mean(dim=1, keepdim=True)
    return changes / (changes.std(dim=(1, 2, 3), keepdim=True) + 1e-3)


def _layer(inside: int, outside: int, *, side: int, stride: int) -> list[nn.Module]:
    """A convolution over three frames, and the halving of the picture."""
    padding = (1, side // 2, side // 2)
    return [
        nn.Conv3d(inside, outside, (3, side, side), (1, stride, stride), padding, bias=False),
        nn.BatchNorm3d(outside),
        nn.ReLU(inplace=True),
        nn.MaxPool3d((1, 2, 2)),
    ]
