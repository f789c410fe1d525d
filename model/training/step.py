"""One step of the GAN's training: every adversary, then the generator, on one batch."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from s2f.model.data.augment import augment_pictures, augment_sound
from s2f.model.data.loader import Batch
from s2f.model.data.motion import LIP_NUMBERS
from s2f.model.networks.device import multiplies_bf16
from s2f.model.networks.lipschitz import clip_singular_values
from s2f.model.networks.losses import (
    discriminator_loss,
    eyes_loss,
    generator_loss,
    lips_loss,
    mouth_loss,
    reconstruction_loss,
    upper_loss,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from s2f.model.networks.noise import NoiseSource
from s2f.model.training.state import Adversary, State
from s2f.pipeline.core.errors import TrainingError


def train_step(state: State, batch: Batch) -> dict[str, float]:
    """Train every adversary, then the generator, on one batch; return the losses by TensorBoard tag.

    Raises TrainingError where a loss is not a finite number, before the generator is changed.
    """
    state.reseed()
    if state.params.freeze_sound:
        # Its norms too: validation has set them to training.
        state.generator.context.eval().requires_grad_(False)
    if state.params.augment_pictures:
        batch = augment_pictures(batch, state.source)
    if state.params.augment_sound:
        batch = augment_sound(batch, state.source)
    if state.step < state.params.listen_steps:
        return _listen(state, batch)
    noise = _noise(state, batch)
    with _precision(state):
        fake = state.generator(batch.still, batch.windows, noise).float()
    losses: dict[str, Tensor] = {}
    total = fake.new_zeros(())
    for tag, loss, weight in (
        ("generator/l1", reconstruction_loss, state.params.l1_weight),
        ("generator/l1_upper", upper_loss, state.params.upper_weight),
        ("generator/l1_mouth", mouth_loss, state.params.l1_mouth_weight),
    ):
        if weight:
            losses[tag] = loss(fake, batch.frames)
            total = total + weight * losses[tag]
    if state.params.l1_eyes_weight:
        losses["generator/l1_eyes"] = eyes_loss(fake, batch.frames, batch.motion[..., -1])
        total = total + state.params.l1_eyes_weight * losses["generator/l1_eyes"]
    if state.params.lips_weight:
        losses["generator/lips"] = _lips(state, batch)
        total = total + state.params.lips_weight * losses["generator/lips"]
    for name, adversary in state.adversaries.items():
        view = _pick(adversary, batch, state)
        losses[f"discriminator/{name}"] = _train_adversary(adversary, batch, view, fake.detach(), state)
        # The generator's gradient goes through the discriminator, but is not for its weights.
        adversary.module.requires_grad_(False)
        with _precision(state):
            logits = adversary.module(batch.still, view(fake), batch.windows)
        judged = wasserstein_generator_loss if adversary.wasserstein else generator_loss
        losses[f"generator/{name}"] = judged(logits.float())
        adversary.module.requires_grad_(True)
        total = total + adversary.weight * losses[f"generator/{name}"]
    return _improve(state, losses, total)


def _listen(state: State, batch: Batch) -> dict[str, float]:
    """Train the context encoder alone, to tell from the sound how the lips move."""
    loss = _lips(state, batch)
    return _improve(state, {"generator/lips": loss}, loss)


def _lips(state: State, batch: Batch) -> Tensor:
    assert state.lips is not None
    with _precision(state):
        told = state.lips(state.generator.context(batch.windows)[0])
    return lips_loss(told.float(), batch.motion[..., :LIP_NUMBERS])


def _noise(state: State, batch: Batch) -> Tensor:
    """The generator's noise; in training its eyes close when the real ones do."""
    noise = NoiseSource(state.generator, state.source).draw(*batch.frames.shape[:2]).to(state.device)
    if state.generator.blinks:
        noise[..., -1] = batch.motion[..., -1]
    return noise


def _improve(state: State, losses: dict[str, Tensor], total: Tensor) -> dict[str, float]:
    """One step of the generator down the gradient of `total`. Raises TrainingError."""
    # One transfer for all of them, since each waits for the device.
    values = dict(zip(losses, torch.stack(list(losses.values())).tolist(), strict=True))
    if not all(map(math.isfinite, values.values())):
        raise TrainingError(
            f"the losses of step {state.step + 1} are not finite: {values}",
            "resume from the last checkpoint in a copy of the run, or start anew with lower learning rates",
        )
    state.optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    state.distributed.average_gradients(
        weight for group in state.optimizer.param_groups for weight in group["params"]
    )
    state.optimizer.step()
    state.step += 1
    state.update_ema()
    return values


def _precision(state: State) -> torch.autocast:
    """The forward passes in bfloat16, where that is asked for; losses and weights stay in float32."""
    wanted = state.params.precision
    use = wanted == "bf16" or (wanted == "auto" and multiplies_bf16(state.device))
    return torch.autocast(state.device.type, torch.bfloat16, enabled=use)


def _pick(adversary: Adversary, batch: Batch, state: State) -> Callable[[Tensor], Tensor]:
    """What the adversary sees of frames (B, T, ...): all of them, or some drawn uniformly from each clip."""
    if not adversary.judged:
        return lambda frames: frames
    clips, frames = batch.frames.shape[:2]
    picks = torch.randint(frames, (clips, adversary.judged), generator=state.source)
    rows = torch.arange(clips)[:, None]
    return lambda frames: frames[rows, picks]


def _train_adversary(
    adversary: Adversary,
    batch: Batch,
    view: Callable[[Tensor], Tensor],
    fake: Tensor,
    state: State,
) -> Tensor:
    """One step of a discriminator, on the same frames of the real and of the generated clips."""
    real = view(batch.frames)
    with _precision(state):
        real_logits, *fake_logits = compared(adversary.module, batch, [real, view(fake)])
        if adversary.mismatch:
            elsewhere = shifted(batch.windows, adversary.mismatch, state.source)
            fake_logits.append(adversary.module(batch.still, real, elsewhere))
    apart = wasserstein_critic_loss if adversary.wasserstein else discriminator_loss
    loss = apart(real_logits.float(), torch.cat(fake_logits).float())
    adversary.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.distributed.average_gradients(adversary.module.parameters())
    adversary.optimizer.step()
    if adversary.wasserstein:
        # The bounds of its norms follow from what they have seen, which differs from rank to rank.
        seen = (buffer for buffer in adversary.module.buffers() if buffer.is_floating_point())
        state.distributed.average(seen)
        clip_singular_values(adversary.module)
    return loss.detach()


def compared(module: nn.Module, batch: Batch, videos: list[Tensor]) -> list[Tensor]:
    """A discriminator's logits of several videos with the sound of the batch.

    One that has a `compare` hears the sound once for all of them.
    """
    compare = getattr(module, "compare", None)
    if compare:
        return list(compare(batch.still, videos, batch.windows))
    return [module(batch.still, frames, batch.windows) for frames in videos]


def shifted(windows: Tensor, least: int, source: torch.Generator) -> Tensor:
    """Windows (B, T, samples) turned in time, so that each comes from at least `least` frames elsewhere.

    It needs T of at least twice as much. The sound of another clip would be a mismatch too, but one
    that can be told by the voice alone (our choice).
    """
    frames = windows.shape[1]
    return windows.roll(int(torch.randint(least, frames - least + 1, (), generator=source)), dims=1)
