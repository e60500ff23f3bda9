"""A small U-Net from view to picture, and its training.

Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation",
MICCAI 2015 (arXiv 1505.04597). Here convolutions are padded, and nothing is normalised: statistics
over a crop would differ from those over a whole picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from torch import nn
from torch.nn import functional

from leakage import modes, progress
from leakage.interfaces import Bytes

Inputs = NDArray[np.float16]

# Channels of a picture, and of the network's input: the view, and its integrated differences.
CHANNELS, INPUTS = 3, 6
# Crops begin at multiples of this, so that the blocks of a cipher or of JPEG keep their places.
ALIGNED = 16
# How often the network is compared on validation pictures during the training.
CHECKS = 10
# Crops for the regression with which the training starts.
FIRST = 64
# Side of the windows of SSIM, and its constants for values from 0 to 1.
WINDOW, LUMINANCE, CONTRAST = 7, 0.01**2, 0.03**2


@dataclass(frozen=True)
class Training:
    """Size of the network, and how it is trained."""

    width: int  # channels at the finest scale; twice as many at every coarser one
    scales: int
    steps: int
    batch: int  # crops per step
    crop: int  # side of a crop in pixels, a multiple of 2^(scales - 1)
    learning_rate: float


class UNet(nn.Module):
    """A network from inputs to pictures.

    Args:
        width: channels at the finest scale.
        scales: number of scales; each has half the height and width of the one before.
    """

    def __init__(self, width: int, scales: int):
        super().__init__()
        self.multiple = 1 << (scales - 1)
        widths = [width << scale for scale in range(scales)]
        # Sine and cosine of the view are added, in which 255 and 0 are neighbours.
        first = INPUTS + 2 * CHANNELS
        ends = zip([first, *widths[:-1]], widths, strict=True)
        self.down = nn.ModuleList(_block(*each) for each in ends)
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in pairs)
        self.up = nn.ModuleList(_block(2 * less, less) for _, less in pairs)
        self.last = nn.Conv2d(width + INPUTS, CHANNELS, 1)

    def start(self, inputs: torch.Tensor, plain: torch.Tensor) -> None:
        """Make the network return the linear regression of pictures on its inputs.

        It is the view itself at level 0, and the mean colour if the view is noise.
        """
        values = inputs.movedim(1, 3).reshape(-1, INPUTS).double()
        values = torch.cat([values, torch.ones_like(values[:, :1])], 1)
        targets = plain.movedim(1, 3).reshape(-1, CHANNELS).double()
        # Constant inputs have no unique solution; this driver finds the smallest.
        found = torch.linalg.lstsq(values, targets, driver="gelsd").solution
        assert self.last.bias is not None
        with torch.no_grad():
            self.last.weight.zero_()
            self.last.weight[:, -INPUTS:, 0, 0] = found[:INPUTS].T
            self.last.bias.copy_(found[INPUTS])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return pictures, float32 (pictures, 3, height, width) from about 0 to 1.

        Args:
            inputs: float32 (pictures, `INPUTS`, height, width); height and width are multiples of
                `multiple`.
        """
        turn = inputs[:, :CHANNELS] * (2 * torch.pi * 255 / 256)
        found = torch.cat([inputs, turn.sin(), turn.cos()], 1)
        skipped = []
        for scale, block in enumerate(self.down):
            found = block(functional.avg_pool2d(found, 2) if scale else found)
            skipped.append(found)
        for scale in reversed(range(len(self.up))):
            larger = functional.interpolate(self.narrow[scale](found), scale_factor=2)
            found = self.up[scale](torch.cat([skipped[scale], larger], 1))
        picture: torch.Tensor = self.last(torch.cat([found, inputs], 1))
        return picture


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (inputs, outputs):
        convolution = nn.Conv2d(before, outputs, 3, padding=1, padding_mode="replicate")
        nn.init.kaiming_normal_(convolution.weight)
        layers += [convolution, nn.ReLU()]
    return nn.Sequential(*layers)


def inputs_of(view: Bytes) -> Inputs:
    """Return the network's input for a view, (height, width, 3): the view and `integrated`."""
    scaled = [view / 255, integrated(view) / 255]
    return np.concatenate(scaled, axis=2).astype(np.float16)


def integrated(view: Bytes) -> NDArray[np.float64]:
    """Return the picture that has the differences of the view between neighbours, modulo 256.

    A picture without its high bits, moved up, has these differences wherever it is smooth. No
    picture has them all, so this is the one with the least squared error, of mean 0 per channel:
    Ghiglia, Romero, "Robust two-dimensional weighted and unweighted phase unwrapping that uses fast
    transforms and iterative methods", J. Opt. Soc. Am. A 11(1), 1994, section 2.
    """
    sums = np.zeros(view.shape)
    for axis in (0, 1):
        # Differences of bytes wrap around by themselves.
        step = np.diff(view, axis=axis).astype(np.int8).astype(np.int64)
        before, after = ([(0, 0)] * 3 for _ in range(2))
        before[axis], after[axis] = (1, 0), (0, 1)
        sums += np.pad(step, after) - np.pad(step, before)
    height, width = view.shape[:2]
    rows, columns = (2 * np.cos(np.pi * np.arange(side) / side) - 2 for side in (height, width))
    factors = rows[:, None, None] + columns[:, None]
    factors[0, 0] = 1
    waves = dctn(sums, axes=(0, 1)) / factors
    waves[0, 0] = 0
    found: NDArray[np.float64] = idctn(waves, axes=(0, 1))
    return found


@modes.own()
def train(
    inputs: list[Inputs],
    plains: list[Bytes],
    settings: Training,
    seed: int,
    device: torch.device,
    quality: Callable[[UNet], float],
) -> UNet:
    """Return a network trained on random crops of pictures and their views.

    The loss is the mean of |difference| plus 1 - SSIM (Zhao, Gallo, Frosio, Kautz, IEEE Trans.
    Computational Imaging 3(1), 2017): attacks are compared by SSIM, and the first term keeps the
    brightness. The learning rate falls to 0 as a cosine.

    Args:
        inputs: `inputs_of` the views, each at least as large as a crop.
        plains: the pictures of these views, uint8 (height, width, 3).
        settings: of network and training.
        seed: of the first weights and the crops.
        device: to train on.
        quality: a number to compare networks by. The best of `CHECKS` networks, from all parts of
            the training, is returned.
    """
    generator = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet(settings.width, settings.scales)
    network.start(*_batch(inputs, plains, FIRST, settings.crop, generator))
    network.to(device)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    every, best, kept = -(-settings.steps // CHECKS), -np.inf, network.state_dict()
    for step in progress.over(range(1, settings.steps + 1), "steps"):
        batch = _batch(inputs, plains, settings.batch, settings.crop, generator)
        given, plain = (each.to(device) for each in batch)
        optimiser.zero_grad(set_to_none=True)
        found = network(given)
        loss = (found - plain).abs().mean() + 1 - similarity(found, plain)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % every == 0 or step == settings.steps:
            value = quality(network)
            if value > best:
                best = value
                kept = {key: each.clone() for key, each in network.state_dict().items()}
    network.load_state_dict(kept)
    return network


def _batch(
    inputs: list[Inputs],
    plains: list[Bytes],
    count: int,
    side: int,
    generator: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random crops of inputs, and the same crops of the pictures."""
    chosen = [int(each) for each in generator.integers(len(inputs), size=count)]
    places = [place(inputs[each].shape, side, generator) for each in chosen]
    pairs = list(zip(chosen, places, strict=True))
    given, plain = (stacked([of[i][part] for i, part in pairs]) for of in (inputs, plains))
    return given, plain / 255


def place(shape: tuple[int, ...], side: int, generator: np.random.Generator) -> tuple[slice, slice]:
    """Return rows and columns of a random square in a picture of at least this side."""
    starts = [ALIGNED * int(generator.integers((each - side) // ALIGNED + 1)) for each in shape[:2]]
    rows, columns = (slice(start, start + side) for start in starts)
    return rows, columns


def stacked(arrays: Sequence[Inputs | Bytes]) -> torch.Tensor:
    """Return arrays (height, width, channels) as float32 (arrays, channels, height, width)."""
    return torch.from_numpy(np.stack(arrays).transpose(0, 3, 1, 2).astype(np.float32))


@modes.own()
def predict(network: UNet, inputs: list[Inputs]) -> list[Bytes]:
    """Return what a network makes of inputs of one shape and any size, uint8 (height, width, 3)."""
    height, width = inputs[0].shape[:2]
    padding = [(0, -side % network.multiple) for side in (height, width)]
    padded = [np.pad(each, (*padding, (0, 0)), mode="symmetric") for each in inputs]
    with torch.no_grad():
        found = network(stacked(padded).to(network.last.weight.device))[:, :, :height, :width]
        values = found.mul(255).round().clamp(0, 255).to(torch.uint8)
    return list(values.permute(0, 2, 3, 1).cpu().numpy())


def similarity(found: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
    """Return the mean SSIM of pictures (pictures, channels, height, width) from 0 to 1.

    It is that of `leakage.measures.similarity`, which computes with whole numbers.
    """
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    x, y = _means(found), _means(plain)
    covariance = unbiased * (_means(found * plain) - x * y)
    variances = unbiased * (_means(found**2) - x**2 + _means(plain**2) - y**2)
    numerator = (2 * x * y + LUMINANCE) * (2 * covariance + CONTRAST)
    return (numerator / ((x**2 + y**2 + LUMINANCE) * (variances + CONTRAST))).mean()


def _means(values: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(values, WINDOW, 1)
