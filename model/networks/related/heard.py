"""How sound drives a network that works on several scales of time (ours; the papers' hear nothing)."""

from torch import Tensor, nn


class Heard(nn.Module):
    """Codes of sound (B, T, code) to a number per channel for each of `steps` steps of time.

    A step's code is the mean of those of its frames. Returns (B, channels, steps), to be added before a norm.
    If that norm is over pictures, in which sound makes hardly any of the variance, it needs a `norm` here.
    """

    def __init__(self, code: int, channels: int, *, norm: bool = False) -> None:
        super().__init__()
        self.layer = nn.Conv1d(code, channels, 1)
        self.norm = nn.BatchNorm1d(channels) if norm else nn.Identity()

    def forward(self, codes: Tensor, steps: int) -> Tensor:
        means = codes.reshape(len(codes), steps, -1, codes.shape[2]).mean(dim=2)
        heard: Tensor = self.norm(self.layer(means.transpose(1, 2)))
        return heard
