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
        states = gates.new_empty(*gates.shape[:2], weight.shape[1])
        resets, updates, news, owns = (torch.empty_like(states) for _ in range(4))
        before = state
        for frame, given in enumerate(gates.view(*gates.shape[:2], 3, -1).unbind()):
            own = torch.addmm(bias, before, weight.t()).view(len(state), 3, -1)
            reset, update = torch.sigmoid(given[:, :2] + own[:, :2]).unbind(1)
            new = torch.tanh(torch.addcmul(given[:, 2], reset, own[:, 2]))
            before = torch.lerp(new, before, update, out=states[frame])
            resets[frame], updates[frame], news[frame], owns[frame] = reset, update, new, own[:, 2]
        ctx.save_for_backward(states, state, weight, resets, updates, news, owns)
        return states

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (grads,) = grad_outputs
        states, state, weight, reset, update, new, own = ctx.saved_tensors
        before = torch.cat([state[None], states[:-1]])
        # How the sums under the three activations change a state, once for all frames.
        into_new = (1 - update) * (1 - new * new)
        into_reset = into_new * own * reset * (1 - reset)
        into_update = (before - new) * update * (1 - update)
        shares = torch.stack([into_reset, into_update, into_new * reset], dim=2)
        sums = torch.empty_like(shares)
        change = torch.zeros_like(state)
        kept = torch.empty_like(states)
        for frame in range(len(states) - 1, -1, -1):
            change = torch.add(change, grads[frame], out=kept[frame])
            torch.mul(shares[frame], change[:, None], out=sums[frame])
            change = torch.addmm(change * update[frame], sums[frame].flatten(1), weight)
        own_sums = sums.flatten(2)
        given = torch.cat([own_sums[..., : 2 * weight.shape[1]], kept * into_new], dim=2)
        flat = own_sums.flatten(0, 1)
        learns = ctx.needs_input_grad[2]
        return (
            given,
            change,
            flat.t() @ before.flatten(0, 1) if learns else None,
            flat.sum(0) if learns else None,
        )
