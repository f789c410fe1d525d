"""GRUs whose gradient costs less on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional


class GRU(nn.GRU):
    """torch's own, batch first and in one direction, but for its way back on a CPU.

    There torch adds up the gradient of the weights frame by frame, which takes longer than all the rest. Here
    it is one product over all frames.
    """

    def __init__(self, inside: int, hidden: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(inside, hidden, layers, batch_first=True, dropout=dropout)

    def forward(self, codes: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Codes (B, T, inside) and memory (layers, B, hidden) to states (B, T, hidden), memory after."""
        if not torch.is_grad_enabled() or codes.device.type != "cpu" or torch.compiler.is_compiling():
            states, after = super().forward(codes, memory)
            return states, after
        if memory is None:
            memory = codes.new_zeros(self.num_layers, len(codes), self.hidden_size)
        states, last = codes.transpose(0, 1), []
        for layer, (first, own, first_bias, own_bias) in enumerate(self.all_weights):
            if layer:
                states = functional.dropout(states, self.dropout, self.training)
            states = _Layer.apply(functional.linear(states, first, first_bias), memory[layer], own, own_bias)  # type: ignore[no-untyped-call]
            last.append(states[-1])
        return states.transpose(0, 1), torch.stack(last)


class _Layer(Function):
    """One layer: gates (T, B, 3 * H) from its input, the first state (B, H), weights and bias to T states.

    The gates are reset, update and new, in torch's order: see torch.nn.GRU for the equations.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, gates: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        gates = gates.view(*gates.shape[:2], 3, -1)
        states, owns = [state], []
        for given in gates.unbind():
            owns.append(torch.addmm(bias, states[-1], weight.t()).view_as(given))
            _, update, new = _activated(given, owns[-1])
            states.append(torch.lerp(new, states[-1], update))
        before, own = torch.stack(states[:-1]), torch.stack(owns)
        ctx.save_for_backward(gates, own, before, weight)
        return torch.stack(states[1:])

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (grads,) = grad_outputs
        gates, own, before, weight = ctx.saved_tensors
        reset, update, new = _activated(gates, own)
        # How the sums under the three activations change a state, for all frames at once.
        into_new = (1 - update) * (1 - new * new)
        into_reset = into_new * own[..., 2, :] * reset * (1 - reset)
        into_update = (before - new) * update * (1 - update)
        shares = torch.stack([into_reset, into_update, into_new * reset], dim=2)
        change, changes, sums = torch.zeros_like(before[0]), [], []
        for grad, share, kept in zip(
            *(each.flip(0).unbind() for each in (grads, shares, update)), strict=True
        ):
            changes.append(change + grad)
            sums.append((share * changes[-1][:, None]).flatten(1))
            change = torch.addmm(changes[-1] * kept, sums[-1], weight)
        own_sums, changed = (torch.stack(each[::-1]) for each in (sums, changes))
        given = torch.cat([own_sums[..., : -len(weight) // 3], changed * into_new], dim=2)
        flat = own_sums.flatten(0, 1)
        learns = ctx.needs_input_grad[2]
        return (
            given,
            change,
            flat.t() @ before.flatten(0, 1) if learns else None,
            flat.sum(0) if learns else None,
        )


def _activated(given: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Reset, update and new (..., H) from what the input and what the state give, both (..., 3, H)."""
    reset, update = torch.sigmoid(given[..., :2, :] + own[..., :2, :]).unbind(-2)
    return reset, update, torch.tanh(torch.addcmul(given[..., 2, :], reset, own[..., 2, :]))
