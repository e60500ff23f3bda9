"""Encoders with a network: where their weights come from, how they are loaded, and how they run."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

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
    three_channels,
)
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
# How many of the tensors that do not fit an error names.
NAMED = 3


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
        mean: of the pixels in [0, 1] that it was trained on, per channel.
        std: their standard deviation, per channel.
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
    mean: tuple[float, ...]
    std: tuple[float, ...]
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
            LeakageError: the network fails on such an input.
        """
        import torch

        device = next(iter(features.parameters()), torch.empty(0)).device
        try:
            with torch.inference_mode():
                found = features(torch.zeros(1, 3, size, size, device=device))
        # Layers raise errors of many types for maps that are too small.
        except (RuntimeError, ValueError, AssertionError, IndexError) as error:
            why = str(error).partition("\n")[0]
            raise LeakageError(
                f"patches.size: {size} is too small for {self.title} ({why}); raise patches.size "
                "or choose another model"
            ) from None
        if found.ndim != 2 or not found.isfinite().all():
            raise LeakageError(
                f"patches.size: {self.title} has no finite features for {size} x {size} pixels; "
                "raise patches.size or choose another model"
            )

    def network(self, path: Path | None, seed: int | None) -> "torch.nn.Module":
        """Return the network with the weights of a file, or initialised by the seed."""
        import torch

        if path is None:
            # Restore the global generator: the seed is for this network alone.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(cast(int, seed))
                return self.build().eval()
        state = _read_state(path, self.key)
        with torch.device("meta" if self.on_meta else "cpu"):
            network = self.build()
        _refuse_misfit(path, self.title, network.state_dict(), state)
        network.load_state_dict(state, strict=True, assign=True)
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
            for values in (self.mean, self.std)
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
        network = architecture.network(path, seed)
        if path is not None:
            _refuse_not_finite(path, architecture.features(network))
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
        network = architecture.network(self._recorded_file(record), record.seed)
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


def _read_state(path: Path, key: Callable[[str], str | None]) -> "dict[str, torch.Tensor]":
    """Return the tensors of a weights file that the network needs, floating ones as float32."""
    import torch
    from safetensors import safe_open

    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as stored:
                names = {name: key(name) for name in stored.offset_keys()}
                state = {new: stored.get_tensor(old) for old, new in names.items() if new}
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
            content = content.get("state_dict", content)
            state = {new: value for name, value in content.items() if (new := key(name))}
        return {
            name: value.float() if value.is_floating_point() else value
            for name, value in state.items()
        }
    # Other content makes the readers raise almost any exception.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise LeakageError(
            f"{path}: not a readable weights file ({reason}); download it again, or "
            "give another file"
        ) from None


def _is_like(found: "torch.Tensor", expected: "torch.Tensor") -> bool:
    """Return whether both are floating numbers, or neither is: quantised weights are not."""
    return found.is_floating_point() == expected.is_floating_point() and not found.is_complex()


def _refuse_not_finite(path: Path, features: "torch.nn.Module") -> None:
    """Refuse NaN and infinity in the layers that are used, so not in a classifier."""
    wrong = [name for name, value in features.state_dict().items() if not value.isfinite().all()]
    if wrong:
        raise LeakageError(
            f"{path}: found NaN or infinity in {len(wrong)} tensors, such as {wrong[0]}, which are "
            "not finite; give another file"
        )


def _type(tensor: "torch.Tensor") -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _refuse_misfit(
    path: Path, title: str, expected: dict[str, Any], found: "dict[str, torch.Tensor]"
) -> None:
    """Refuse a file whose tensors do not fit the network, naming the first few."""
    # Files of old releases lack BatchNorm's counter of batches, which torch then sets to 0.
    missing = [k for k in expected if k not in found and not k.endswith("num_batches_tracked")]
    problems = {
        "missing": missing,
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in expected
            if name in found and found[name].shape != expected[name].shape
        ],
        "of another type": [
            f"{name} {_type(found[name])} instead of {_type(expected[name])}"
            for name in expected
            if name in found and not _is_like(found[name], expected[name])
        ],
    }
    parts = [
        f"{len(names)} {what} ({', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''})"
        for what, names in problems.items()
        if names
    ]
    if parts:
        raise LeakageError(
            f"{path}: these are not the weights of {title}: tensors {'; '.join(parts)}; name the "
            "model that the file belongs to, or another file"
        )
