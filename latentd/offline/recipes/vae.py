"""The recipe `vae`: an auto-encoder of all 41 parameters with an audio loss.

corpus -> measured -> surrogate        predicts the sound of a patch, differentiable
corpus -> encoder -> point -> decoder  trained on the error of the reconstructed patch and of its sound
pad    -> measured -> surrogate        in rounds: the surrogate learns where it was wrong, and training continues

It has no atlas, unlike the recipe `timbre`: the position of a patch is learned too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from latentd.model.decoder import Decoder
from latentd.model.pad_sounds import DESCRIPTORS, UNIT
from latentd.offline.corpus.corpus import Corpus
from latentd.offline.recipes.audible import (
    MIN_PRESETS,
    AudiblePatches,
    MeasureNote,
    OnProgress,
    examples,
    measure_audible,
    measure_presets,
)
from latentd.offline.recipes.loss_weights import VaeWeights
from latentd.offline.recipes.paper import BOX_SHARE, Epoch, Recipe, Trained, networks
from latentd.offline.recipes.surface import straight_through
from latentd.offline.recipes.surrogate import LAYOUT, LUFS, MEL, Surrogate
from latentd.offline.recipes.vae_net import VAE
from latentd.synth import amsynth
from latentd.synth.amsynth import Array

MARGIN = 0.3  # logits, between classes
_PROBES = 400  # points of the pad that are measured each round
_WARM_STEPS = 50


@dataclass(frozen=True)
class VaeRecipe(Recipe):
    """The settings of a training run; model.json stores them under these names."""

    MIN_PRESETS: ClassVar[int] = MIN_PRESETS  # distinct, to train on

    name: str = "vae"
    epochs: int = 240  # in all, in equal parts before, between and after the rounds
    batch: int = 128
    continuous_weight: float = 10.0
    hidden: int = 128
    slope: float = 0.1
    rounds: int = 2
    proxy_steps: int = 1800  # of the surrogate
    again_steps: int = 900  # of the surrogate, each round
    weights: VaeWeights = field(default_factory=VaeWeights)


@dataclass(frozen=True)
class VaeEpoch(Epoch):
    """`train_sound`: weighted error of the reconstruction's sound, as the surrogate predicts it."""

    train_sound: float


class DeepVAE(VAE):
    """With two hidden layers in each half, for all 41 parameters."""

    def __init__(self, recipe: VaeRecipe) -> None:
        super().__init__(LAYOUT, recipe.hidden, recipe.slope, recipe.latent)
        self.encode_again = nn.Linear(recipe.hidden, recipe.hidden)
        self.decode_again = nn.Linear(recipe.hidden, recipe.hidden)

    def encoder_layers(self) -> tuple[nn.Linear, ...]:
        """The layers from columns to the mean."""
        return self.encode_hidden, self.encode_again, self.encode_mean

    def decoder_layers(self) -> tuple[nn.Linear, ...]:
        """The layers from a latent point to scores."""
        return self.decode_hidden, self.decode_again, self.decode_output


def train(rows: Corpus, recipe: VaeRecipe, measure: MeasureNote, report: OnProgress) -> Trained:
    """Train an auto-encoder.

    Raises:
        UserError: too few presets that can be heard.
    """
    torch.set_num_threads(1)
    seed = recipe.seed
    presets = measure_presets(rows, measure)
    measured = [presets]
    surrogate = Surrogate(examples(measured, []), seed)
    _learn(surrogate, measured, recipe.proxy_steps, 1.5e-3, seed, report)
    torch.manual_seed(seed)
    model = DeepVAE(recipe)
    curve: list[Epoch] = []
    for turn in range(recipe.rounds + 1):
        if turn:
            measured.append(measure_audible(_probed(model, presets, seed + turn), measure))
            _learn(surrogate, measured, recipe.again_steps, 8e-4, seed + turn, report)
        last = recipe.epochs * (turn + 1) // (recipe.rounds + 1)
        for epoch in _epochs(model, surrogate, presets, recipe, range(len(curve) + 1, last + 1)):
            curve.append(epoch)
            report(f"training, loss {epoch.train:.2f}", epoch.number, recipe.epochs)
    return Trained(model, tuple(curve), {})


def _learn(
    surrogate: Surrogate, measured: list[AudiblePatches], steps: int, rate: float, seed: int, report: OnProgress
) -> None:
    part = "training the surrogate" + (f", round {len(measured) - 1}" if len(measured) > 1 else "")
    surrogate.learn(
        examples(measured[:1], measured[1:]), steps, rate, seed, lambda done, total: report(part, done, total)
    )


def _probed(model: DeepVAE, presets: AudiblePatches, seed: int) -> Array:
    """Params (_PROBES, 41) at random points of the part of the latent space that the pad will show."""
    decoder, encoder = networks(model)
    low, high = np.percentile(encoder(LAYOUT.encode(presets.params)), BOX_SHARE, axis=0)
    points = np.random.default_rng(seed).uniform(low, high, (_PROBES, len(low)))
    return Decoder(LAYOUT, decoder, np.zeros(amsynth.COUNT), MARGIN).decode_many(points)


def _epochs(
    model: DeepVAE, surrogate: Surrogate, presets: AudiblePatches, recipe: VaeRecipe, numbers: range
) -> Iterator[VaeEpoch]:
    """Train for some epochs, with a rate that falls to 0 over them."""
    random = torch.Generator().manual_seed(recipe.seed + numbers.start)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    x = torch.from_numpy(LAYOUT.encode(presets.params)).float()
    goals = torch.from_numpy(presets.sounds())
    steps = max(len(numbers), 1) * math.ceil(len(x) / recipe.batch)  # epochs may be fewer than rounds
    cooled = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    for number in numbers:
        sums = torch.zeros(5)
        for batch in torch.randperm(len(x), generator=random).split(recipe.batch):
            noise = torch.randn(len(batch), recipe.latent, generator=random)
            losses, scores = model.losses_and_scores(x[batch], noise, recipe.continuous_weight, recipe.beta)
            sound = _sound_loss(surrogate.members(straight_through(scores)), goals[batch], recipe.weights)
            total = losses.total + sound
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            optimizer.step()
            cooled.step()
            sums += torch.stack([total, *losses[1:], sound]).detach() * len(batch)
        total_, continuous, categories, divergence, sound_ = (sums / len(x)).tolist()
        yield VaeEpoch(number, total_, continuous, categories, divergence, None, sound_)


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_STEPS) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps)))


def _sound_loss(outputs: list[Tensor], goals: Tensor, weights: VaeWeights) -> Tensor:
    """Loss of the sounds (n, WIDTH) that the surrogate's two networks predict, against the goals (n, WIDTH)."""
    one, other = outputs
    errors = ((one + other) / 2 - goals).abs()
    seven = ((one + other)[:, :DESCRIPTORS] / 2).clamp(0, 100) - goals[:, :DESCRIPTORS]
    return (
        weights.descriptors * seven.abs().sum(dim=1).mean() / UNIT
        + weights.loudness * errors[:, LUFS].mean()
        + weights.mel * errors[:, MEL].mean()
        + weights.doubt * (one - other)[:, :DESCRIPTORS].abs().mean()
    )
