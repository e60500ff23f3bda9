"""Encoders with a network: where their weights come from, how they are loaded, and how they run."""

import bisect
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import numpy as np
import pydantic

from leakage import devices, extras, modes, seeds
from leakage.config.settings import input_path, shown
from leakage.encoders import (
    Encoder,
    LoadedEncoder,
    Vectors,
    batch_norm,
    packaged,
    tensors,
    three_channels,
)
from leakage.encoders.presets import Preset
from leakage.encoders.weights import Record, Source, Weights
from leakage.errors import LeakageError
from leakage.interfaces import Bytes
from leakage.storage import files

if TYPE_CHECKING:
    import torch

WAYS_OUT = """four ways out:
  1. run `snakemake download` on a machine with a network and copy its cache here ({cache})
  2. use a file that you have: weights: path/to/file.safetensors
  3. use a network whose weights come in a Python package: weights: package (docs/encoders.md)
  4. use the untrained control: weights: random"""
# Weights files that can hold code.
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".npz")


@dataclass(frozen=True)
class Architecture:
    """A network of one of the libraries, not built yet.

    Attributes:
        title: its name in figures, without the weights.
        build: returns the initialised network, on torch's default device.
        key: the network's name for a tensor of a weights file; None for a tensor to ignore.
        features: removes the layers after the features; the result maps (n, 3, size, size) to
            (n, dim).
        image_size: the only patch size that it accepts; None if it accepts any.
        usual_size: the patch size that it was trained on.
        preset: how its weights expect their input.
        fetch: returns the path of a tag's or a package's weights; a tag's are downloaded to the
            library's own cache if they are not there.
        origin: the address that `fetch` downloads from.
        cache: the environment variable that moves the cache, and its present folder.
        on_meta: whether it can be built without memory, which saves the initialisation.
        libraries: the distributions that it is made of.
        fold: changes the features, in place, into a faster network with the same output.
    """

    title: str
    build: "Callable[[], torch.nn.Module]"
    key: Callable[[str], str | None]
    features: "Callable[[torch.nn.Module], torch.nn.Module]"
    image_size: int | None
    usual_size: int
    preset: Preset
    fetch: Callable[[], Path]
    origin: str
    cache: str
    on_meta: bool
    libraries: tuple[str, ...]
    fold: "Callable[[torch.nn.Module], None]" = lambda features: None

    def check_size(self, size: int) -> None:
        """Refuse patches of a size that the network does not accept."""
        if self.image_size not in (None, size):
            raise LeakageError(
                f"patches.size: found {size}, but {self.title} takes pictures of {self.image_size} "
                f"x {self.image_size} only; set patches.size to {self.image_size} or choose "
                "another model"
            )

    def check_runs(self, features: "torch.nn.Module", size: int) -> None:
        """Refuse patches that are too small for a network, by running it on one of zeros.

        Raises:
            LeakageError: the network fails on such an input; the smallest size is named.
        """
        if (why := _failure(features, size)) is None:
            return
        sizes = range(size + 1, self.usual_size + 1)
        # Halving the range needs few of these runs.
        first = bisect.bisect_left(sizes, True, key=lambda each: _failure(features, each) is None)
        at_least = f" to at least {sizes[first]}" if first < len(sizes) else ""
        raise LeakageError(
            f"patches.size: {size} is too small for {self.title} ({why}); raise patches.size"
            f"{at_least} or choose another model"
        )

    def network(
        self, path: Path | None, seed: int | None, pickled: bool = False
    ) -> "torch.nn.Module":
        """Return the network with the weights of a file, or initialised by the seed.

        Args:
            path: the file; None for a random network.
            seed: of a random network.
            pickled: whether the file may be a pickle, of which only the tensors are read.
        """
        import torch

        if path is None:
            # Restore the global generator: the seed is for this network alone.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(cast(int, seed))
                return self.build().eval()
        state = tensors.read(path, self.key, pickled)
        with torch.device("meta" if self.on_meta else "cpu"):
            network = self.build()
        fitted = tensors.fitted(path, self.title, network.state_dict(), state)
        network.load_state_dict(fitted, strict=True, assign=True)
        return network.eval()

    def features_on(self, network: "torch.nn.Module", device: "torch.device") -> "torch.nn.Module":
        """Return the features of a network on a device."""
        import torch

        # The pixels come channels last, and convolutions are a fifth faster that way.
        return self.features(network).eval().to(device).to(memory_format=torch.channels_last)

    def input_on(self, device: "torch.device") -> "Callable[[list[Bytes]], torch.Tensor]":
        """Return a function from uint8 patches to the input, float32 (n, 3, size, size)."""
        import torch

        mean, std = (
            torch.tensor(values, device=device).reshape(1, 3, 1, 1)
            for values in (self.preset.mean, self.preset.std)
        )

        def prepare(patches: list[Bytes]) -> torch.Tensor:
            pixels = np.stack([three_channels(patch) for patch in patches])
            self.check_size(pixels.shape[1])
            scaled = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2) / 255
            return scaled.sub_(mean).div_(std)

        return prepare


class Network(Encoder):
    """Base class of encoders with a network, with the keys that they share."""

    needs_weights: ClassVar[bool] = True
    uses_gpu: ClassVar[bool] = True

    model: str
    """name of the network in the library"""
    weights: str
    """a tag of the library, a path that ends in .safetensors, or `random` (untrained)"""
    pixels: str | None = None
    """tag that a file or a random network is like: its pixels' mean and standard deviation

    It is required for a file if the model's tags differ in them or in the activation, because the
    file does not say.
    """
    batch_size: int = pydantic.Field(16, ge=1, le=100_000)
    """patches per forward pass"""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """precision of the network's products. The two short ones are for GPUs (torch's autocast);
    embeddings then differ by typically a few per cent of their length"""

    @pydantic.field_validator("weights")
    @classmethod
    def _holds_no_code(cls, weights: str) -> str:
        input_path(weights)
        is_file = "/" in weights or weights.endswith(PICKLES)
        if is_file and not weights.endswith(".safetensors"):
            raise ValueError(
                f"found {shown(weights)}, expected a .safetensors file (others can hold code that "
                "runs when they are read; safetensors.torch.save_file converts them), a tag, or "
                "random"
            )
        return weights

    @pydantic.model_validator(mode="after")
    def _a_package_exists(self) -> "Network":
        known = packaged.PACKAGES if self.kind == packaged.KIND else {}
        if self.weights == packaged.WORD and self.model not in known:
            raise ValueError(
                f"found weights: package for {self.model!r}; packages exist for kind: "
                f"{packaged.KIND} with {', '.join(packaged.PACKAGES)}"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _weights_have_their_own_pixels(self) -> "Network":
        own = {"tag": self.weights, "package": None}
        if self.source in own and self.pixels not in (None, own[self.source]):
            raise ValueError(
                f"found pixels {self.pixels!r} beside weights {self.weights!r}, which have their "
                "own; leave pixels out"
            )
        return self

    @property
    def source(self) -> Source:
        """The kind of value in `weights`."""
        if self.weights == "random":
            return "random"
        if self.weights == packaged.WORD:
            return "package"
        return "file" if self.weights.endswith(".safetensors") else "tag"

    @property
    def needs_plain_patches(self) -> bool:
        """Whether `find_weights` needs plain patches: for the BatchNorm of untrained networks."""
        return self.source == "random"

    def files(self) -> list[str]:
        """Return the user's weights file, if the weights are one."""
        return [self.weights] if self.source == "file" else []

    @extras.named()
    def check(self, size: int, where: str) -> None:
        """Refuse a model, a tag or patches of a size that the library does not accept."""
        architecture = self.architecture(where)
        architecture.check_size(size)
        if architecture.image_size is None:
            untrained = architecture.network(None, 0)
            architecture.check_runs(architecture.features(untrained).eval(), size)

    @abstractmethod
    def architecture(self, where: str = "encoders") -> Architecture:
        """Return the network of the entry."""

    @extras.named()
    @modes.own()
    def find_weights(
        self, size: int, seed: int, device: str, plain: Callable[[], list[Bytes]], where: str
    ) -> Weights:
        """Find the weights, check that they fit, and set an untrained network's BatchNorm."""
        seed = seeds.checked(seed)
        architecture = self.architecture(where)
        architecture.check_size(size)
        path = self._locate(architecture, where)
        network = architecture.network(path, seed, self.source != "file")
        if path is not None:
            tensors.refuse_untrained(path, architecture.features(network))
        statistics: dict[str, torch.Tensor] = {}
        patches: list[Bytes] = []
        if path is None and batch_norm.layers(network):
            patches, chosen = plain(), devices.resolve(device)
            if not patches:
                raise LeakageError(
                    f"{where}: an untrained network with BatchNorm needs plain patches, and none "
                    "were given; pass --view (level 0) and --places to the step find_weights"
                )
            features = architecture.features_on(network, chosen)
            prepare = architecture.input_on(chosen)
            batch_norm.set_statistics(features, prepare, patches, self.batch_size)
            statistics = batch_norm.statistics(features)
        record = Record(
            kind=self.kind,
            model=self.model,
            weights=self.weights,
            source=self.source,
            file=None if path is None else str(path),
            sha256=None if path is None else files.sha256(path),
            label=self._label(architecture.title, bool(patches)),
            untrained=path is None,
            seed=seed if path is None else None,
            batch_norm_patches=len(patches),
            mean=list(architecture.preset.mean),
            std=list(architecture.preset.std),
        )
        return Weights(record, statistics)

    @extras.named()
    @modes.own()
    def load(self, weights: Weights | None, device: str) -> LoadedEncoder:
        """Return the encoder with the found weights, without network access."""
        import torch

        architecture = self.architecture()
        if weights is None:
            raise LeakageError(
                f"encoder {self.kind}: weights record missing; run the step find_weights first"
            )
        record, chosen = weights.record, devices.resolve(device)
        network = architecture.network(
            self._recorded_file(record), record.seed, self.source != "file"
        )
        features = architecture.features_on(network, chosen)
        features.load_state_dict(features.state_dict() | weights.statistics)
        architecture.fold(features)
        batch_norm.fold(features)
        prepare = architecture.input_on(chosen)
        short = self.precision != "float32"
        cast_to = torch.autocast(chosen.type, getattr(torch, self.precision), enabled=short)

        def encode(patches: list[Bytes]) -> Vectors:
            with modes.own(), torch.inference_mode(), cast_to:
                found: Vectors = features(prepare(patches)).float().cpu().numpy()
            return found

        return LoadedEncoder(
            encode=encode,
            label=f"{record.label}, in {self.precision}" if short else record.label,
            untrained=record.untrained,
            batch_size=self.batch_size,
            device=str(chosen),
            libraries=architecture.libraries,
        )

    def _locate(self, architecture: Architecture, where: str) -> Path | None:
        """Return the path of the weights, downloading those of a tag; None if random."""
        if self.source == "random":
            return None
        if self.source == "file":
            if not Path(self.weights).is_file():
                raise LeakageError(
                    f"{where}.weights: {self.weights}: no such file; give the path of a "
                    ".safetensors file (relative to the folder where snakemake runs), a tag, or "
                    "random"
                )
            return Path(self.weights)
        try:
            return architecture.fetch()
        except LeakageError as error:
            raise LeakageError(f"{where}.weights: {error}") from None
        # The two caches use three HTTP libraries, which have no exception in common.
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            ways_out = WAYS_OUT.format(cache=architecture.cache.partition(",")[0])
            raise LeakageError(
                f"{where}: the weights {self.weights!r} of {self.model} cannot be found: they are "
                f"not in the cache ({architecture.cache}), and downloading them from "
                f"{architecture.origin} failed ({reason}); {ways_out}"
            ) from None

    def _recorded_file(self, record: Record) -> Path | None:
        """Return the weights file of a record, checked to be the entry's and unchanged."""
        again = "make the weights record again: snakemake … --forcerun find_weights -- figures"
        if (record.kind, record.model, record.weights) != (self.kind, self.model, self.weights):
            raise LeakageError(
                f"encoders: the weights record is of {record.model} ({record.weights}), expected "
                f"{self.model} ({self.weights}); {again}"
            )
        if record.file is None:
            return None
        if not Path(record.file).is_file():
            raise LeakageError(
                f"{record.file}: the weights file of {record.label} is missing; {again}"
            )
        found = files.sha256(record.file)
        if found != record.sha256:
            raise LeakageError(
                f"{record.file}: the weights of {record.label} have changed: found SHA-256 {found},"
                f" expected {record.sha256}; {again}"
            )
        return Path(record.file)

    def _label(self, title: str, with_batch_norm: bool) -> str:
        if self.source == "package":
            return f"{title} (ImageNet)"
        if self.source != "random":
            return f"{title} ({Path(self.weights).name})"
        about = " (BatchNorm statistics from plain patches)" if with_batch_norm else ""
        return f"{title}, untrained{about}"


def _failure(features: "torch.nn.Module", size: int) -> str | None:
    """Return why a network has no finite features for a picture of zeros; None if it has."""
    import torch

    device = next(iter(features.parameters()), torch.empty(0)).device
    try:
        with torch.inference_mode():
            found = features(torch.zeros(1, 3, size, size, device=device))
    # Layers raise errors of many types for maps that are too small.
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        return str(error).partition("\n")[0]
    return None if found.ndim == 2 and found.isfinite().all() else "no finite features"
