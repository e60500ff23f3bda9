"""What the encoders with a network share: where weights come from, loading them, and batches.

Weights are resolved once, by the step `weights`, which writes a small file: a `Record` of what was
chosen and, for an untrained network, its calibrated BatchNorm statistics. The many jobs that embed
read it and the weights that it names, check them, and never touch the network.
"""

import collections
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pydantic

from leakage import devices, encoders, seeds
from leakage.config.settings import Settings, input_path, shown
from leakage.encoders import packaged
from leakage.errors import LeakageError
from leakage.storage import files

# torch, safetensors and what they bring are imported inside the functions: this module is imported
# whenever the configuration is checked, and torch alone takes 2.5 s.
if TYPE_CHECKING:
    import torch

WAYS_OUT = """four ways out:
  1. run `snakemake download` on a machine with a network and bring its cache along ({cache})
  2. name a file that you have: weights: path/to/file.safetensors
  3. use a network whose weights come in a Python package: weights: package (docs/encoders.md)
  4. use the untrained control: weights: random"""
RECORD_KEY = "leakage"
# The layers that are put into one, by module and class. timm's norm has an activation in it.
CONVOLUTIONS = {"torch.nn.modules.conv.Conv2d", "timm.layers.conv2d_same.Conv2dSame"}
NORMS = {"torch.nn.modules.batchnorm.BatchNorm2d", "timm.layers.norm_act.BatchNormAct2d"}
# How many of the keys that do not fit an error names.
NAMED = 3


class Entry(Settings):
    """The keys of `encoders` for kinds with a network."""

    kind: str
    """the name of its module"""
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
        unsafe = "/" in weights or weights.endswith((".pt", ".pth", ".bin", ".ckpt", ".npz"))
        if unsafe and not weights.endswith(".safetensors"):
            raise ValueError(
                f"found {shown(weights)}, expected a .safetensors file (others can hold code that "
                "runs when they are read; safetensors.torch.save_file converts them), a tag, or "
                "random"
            )
        return weights

    @pydantic.model_validator(mode="after")
    def _a_package_exists(self) -> "Entry":
        known = packaged.PACKAGES if self.kind == packaged.KIND else {}
        if self.weights == packaged.WORD and self.model not in known:
            raise ValueError(
                f"found weights: package for {self.model!r}; packages exist for kind: "
                f"{packaged.KIND} with {', '.join(packaged.PACKAGES)}"
            )
        return self

    @property
    def source(self) -> Literal["random", "package", "file", "tag"]:
        """What `weights` is."""
        if self.weights in ("random", packaged.WORD):
            return self.weights
        return "file" if self.weights.endswith(".safetensors") else "tag"


class Record(Settings):
    """Which weights an encoder has: what the step `weights` found, in the header of its file.

    Attributes:
        kind: the encoder's kind.
        model: the library's name of the network.
        weights: what the configuration says: `random`, `package`, a path or a tag.
        source: which of the four it is.
        file: where the weights lie; None for `random`.
        sha256: of that file.
        label: the encoder's name in figures.
        untrained: whether the network has learned nothing.
        seed: of a random network; None otherwise.
        calibrated_on: number of plain patches that BatchNorm was calibrated on; 0 without.
    """

    kind: str
    model: str
    weights: str
    source: Literal["random", "package", "file", "tag"]
    file: str | None
    sha256: str | None
    label: str
    untrained: bool
    seed: int | None
    calibrated_on: int


@dataclass(frozen=True)
class Weights:
    """What the step `weights` hands to the jobs that embed.

    Attributes:
        record: which weights they are.
        statistics: BatchNorm's calibrated statistics, by name; empty but for untrained networks.
    """

    record: Record
    statistics: dict[str, "torch.Tensor"]


@dataclass(frozen=True)
class Architecture:
    """A network of one of the libraries, not built yet.

    Attributes:
        title: its name in figures, without the weights.
        build: returns the initialised network, on torch's default device.
        key: the network's name for a tensor of a weights file; None for one that is not its own.
        features: the network without what comes after its features; maps (n, 3, size, size) to
            (n, dim).
        image_size: the only patch size that it takes; None where it takes any.
        mean: of the pixels in [0, 1] that it was trained on, per channel.
        std: their standard deviation, per channel.
        fetch: returns where the weights of a tag or a package lie; a tag's are downloaded to the
            library's own cache if they are not there.
        origin: where it would download them from.
        cache: the variable that moves the cache, and where that is now.
        on_meta: whether it can be built without memory, which saves initialising it in vain.
        libraries: the distributions that it is made of.
        fold: changes features, with their weights, into a quicker network of the same output.
    """

    title: str
    build: Callable[[], "torch.nn.Module"]
    key: Callable[[str], str | None]
    features: Callable[["torch.nn.Module"], "torch.nn.Module"]
    image_size: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fetch: Callable[[], Path]
    origin: str
    cache: str
    on_meta: bool
    libraries: tuple[str, ...]
    fold: "Callable[[torch.nn.Module], None]" = lambda features: None


def check_size(architecture: Architecture, size: int) -> None:
    """Refuse patches of a size that the network does not take."""
    if architecture.image_size not in (None, size):
        raise LeakageError(
            f"patches.size: found {size}, but {architecture.title} takes pictures of "
            f"{architecture.image_size} x {architecture.image_size} only; set patches.size to "
            f"{architecture.image_size} or choose another model"
        )


def resolve(
    architecture: Architecture,
    entry: Entry,
    seed: int,
    device: str,
    plain: Callable[[], list[np.ndarray]] | None = None,
    where: str = "encoders",
) -> Weights:
    """Find the weights of an encoder, make sure that they fit, and calibrate an untrained network.

    Args:
        architecture: the network.
        entry: its configuration entry.
        seed: the configuration's, for `random`.
        device: `auto`, `cpu` or `cuda`, for the calibration.
        plain: returns plain patches, uint8 arrays of shape (size, size, channels).
        where: the entry's place in the configuration, for messages.

    Raises:
        LeakageError: the weights cannot be had or do not fit; there are no plain patches; the seed
            is not a whole number from 0.
    """
    seed = seeds.checked(seed)
    path = _locate(architecture, entry, where)
    network = _network(architecture, path, seed)
    statistics: dict[str, torch.Tensor] = {}
    patches: list[np.ndarray] = []
    if path is None and _batch_norms(network):
        patches, chosen = _plain_patches(plain, where), devices.resolve(device)
        features = _on_device(architecture, network, chosen)
        calibrate(features, _input(architecture, chosen), patches, entry.batch_size)
        statistics = batch_norm_statistics(features)
    record = Record(
        kind=entry.kind,
        model=entry.model,
        weights=entry.weights,
        source=entry.source,
        file=None if path is None else str(path),
        sha256=None if path is None else files.sha256(path),
        label=_label(architecture.title, entry, calibrated=bool(patches)),
        untrained=path is None,
        seed=seed if path is None else None,
        calibrated_on=len(patches),
    )
    return Weights(record, statistics)


def load(
    architecture: Architecture, entry: Entry, weights: Weights, device: str
) -> encoders.Encoder:
    """Return the encoder with the weights that were resolved, without touching the network.

    Raises:
        LeakageError: the weights are gone, have changed, or do not fit; there is no such device.
    """
    import torch

    record, chosen = weights.record, devices.resolve(device)
    network = _network(architecture, _recorded_file(record, entry), record.seed)
    features = _on_device(architecture, network, chosen)
    features.load_state_dict(features.state_dict() | weights.statistics)
    architecture.fold(features)
    fold_batch_norms(features)
    prepare = _input(architecture, chosen)
    short = entry.precision != "float32"
    cast = torch.autocast(chosen.type, getattr(torch, entry.precision), enabled=short)

    def encode(patches: list[np.ndarray]) -> np.ndarray:
        with torch.inference_mode(), cast:
            return features(prepare(patches)).float().cpu().numpy()

    return encoders.Encoder(
        encode=encode,
        label=f"{record.label}, in {entry.precision}" if short else record.label,
        untrained=record.untrained,
        batch_size=entry.batch_size,
        device=str(chosen),
        libraries=architecture.libraries,
    )


def calibrate(
    features: "torch.nn.Module",
    prepare: Callable[[list[np.ndarray]], "torch.Tensor"],
    patches: list[np.ndarray],
    batch_size: int,
) -> None:
    """Set the statistics of a network's BatchNorm layers to those of plain patches, in place.

    With its initial statistics an untrained network lets its activations grow from layer to layer
    until every picture looks the same (mean cosine between ResNet-50's embeddings 0.998). One pass
    in which BatchNorm alone trains, its running statistics the average over batches of equal size,
    undoes that; no weight changes.
    """
    import torch

    layers = _batch_norms(features)
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.inference_mode():
        for batch in np.array_split(np.arange(len(patches)), math.ceil(len(patches) / batch_size)):
            features(prepare([patches[index] for index in batch]))
    features.eval()


def batch_norm_statistics(features: "torch.nn.Module") -> dict[str, "torch.Tensor"]:
    """Return the running statistics of every BatchNorm layer, by their names in the network."""
    layers = set(_batch_norms(features))
    return {
        f"{name}.{key}": value.cpu().clone()
        for name, layer in features.named_modules()
        if layer in layers
        for key, value in layer.named_buffers()
    }


def fold_batch_norms(features: "torch.nn.Module") -> None:
    """Put every BatchNorm that follows a convolution into that one's weights, in place.

    The network computes the same (but for rounding), with a pass less over each of its maps.
    """
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    class Tracer(torch.fx.Tracer):
        """Follows the calls of convolutions and BatchNorms, through what is ours as one call."""

        def is_leaf_module(self, module: torch.nn.Module, name: str) -> bool:
            own = not module.__module__.startswith(
                ("torch.", "torchvision.", "timm.", "open_clip.")
            )
            layer = _class_of(module) in CONVOLUTIONS | NORMS
            return own or layer or super().is_leaf_module(module, name)

    try:
        nodes = list(Tracer().trace(features).nodes)
    # Code that depends on its input cannot be followed, and fails in any way; it runs as it is.
    except Exception:
        return
    modules = dict(features.named_modules(remove_duplicate=False))
    named = collections.Counter(map(id, modules.values()))
    called = collections.Counter(node.target for node in nodes if node.op == "call_module")

    def can_be_folded(name: str, kinds: set[str]) -> bool:
        """Whether a layer is of one of the kinds, has one name, and is called once."""
        module = modules[name]
        changed = module._forward_hooks or module._forward_pre_hooks
        once = called[name] == named[id(module)] == 1
        return _class_of(module) in kinds and not changed and once

    for node in nodes:
        if node.op != "call_module" or not can_be_folded(node.target, NORMS):
            continue
        before = node.args[0]
        if before.op != "call_module" or not can_be_folded(before.target, CONVOLUTIONS):
            continue
        # Nothing else reads the map, and the norm is of what it has seen, not of this batch.
        if len(before.users) == 1 and modules[node.target].running_mean is not None:
            norm = modules[node.target]
            fused = fuse_conv_bn_eval(modules[before.target], norm)
            features.set_submodule(before.target, fused.to(memory_format=torch.channels_last))
            features.set_submodule(node.target, torch.nn.Sequential(*norm.children()))


def _class_of(module: "torch.nn.Module") -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def write(path: Path | str, weights: Weights) -> None:
    """Write what was resolved as a safetensors file, the record as JSON in its header."""
    from safetensors.torch import save

    content = save(weights.statistics, {RECORD_KEY: weights.record.model_dump_json()})
    with files.kept_file(path) as temporary:
        temporary.write_bytes(content)


def read(path: Path | str) -> Weights:
    """Return what `write` wrote, after its checksum was checked."""
    from safetensors import safe_open

    with safe_open(files.check(path), "pt") as stored:
        record = Record.model_validate_json(stored.metadata()[RECORD_KEY])
        return Weights(record, {name: stored.get_tensor(name) for name in stored.offset_keys()})


def _locate(architecture: Architecture, entry: Entry, where: str) -> Path | None:
    """Return where the weights lie, downloading those of a tag; None for a random network."""
    if entry.source == "random":
        return None
    if entry.source == "file":
        if not Path(entry.weights).is_file():
            raise LeakageError(
                f"{where}.weights: {entry.weights}: no such file; give the path of a .safetensors "
                "file (relative to the folder where snakemake runs), a tag, or random"
            )
        return Path(entry.weights)
    try:
        return architecture.fetch()
    except LeakageError as error:
        raise LeakageError(f"{where}.weights: {error}") from None
    # Behind the two caches are three libraries for HTTP, with no exception in common.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LeakageError(
            f"{where}: the weights {entry.weights!r} of {entry.model} cannot be had: they are not "
            f"in the cache ({architecture.cache}) and do not come from {architecture.origin} "
            f"({reason}); {WAYS_OUT.format(cache=architecture.cache.partition(',')[0])}"
        ) from None


def _recorded_file(record: Record, entry: Entry) -> Path | None:
    """Return the weights file of a record, after checking that it is the entry's and unchanged."""
    again = "run the step `weights` again (delete the file that it made under results)"
    if (record.kind, record.model, record.weights) != (entry.kind, entry.model, entry.weights):
        raise LeakageError(
            f"encoders: found resolved weights of {record.model} ({record.weights}), expected "
            f"{entry.model} ({entry.weights}); {again}"
        )
    if record.file is None:
        return None
    if not Path(record.file).is_file():
        raise LeakageError(f"{record.file}: the weights of {record.label} are gone; {again}")
    found = files.sha256(record.file)
    if found != record.sha256:
        raise LeakageError(
            f"{record.file}: the weights of {record.label} have changed: their SHA-256 is {found}, "
            f"and {record.sha256} was recorded; {again}"
        )
    return Path(record.file)


def _network(architecture: Architecture, path: Path | None, seed: int | None) -> "torch.nn.Module":
    """Return the network with the weights of a file, or initialised by the seed."""
    import torch

    if path is None:
        # The global generator is put back: a seed is this network's alone.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return architecture.build().eval()
    state = _read_state(path, architecture.key)
    with torch.device("meta" if architecture.on_meta else "cpu"):
        network = architecture.build()
    _refuse_misfit(path, architecture.title, network.state_dict(), state)
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()


def _read_state(path: Path, key: Callable[[str], str | None]) -> dict[str, "torch.Tensor"]:
    """Return the tensors of a weights file that the network wants, floating ones as float32."""
    import torch
    from safetensors import safe_open

    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as stored:
                wanted = {name: key(name) for name in stored.offset_keys()}
                state = {new: stored.get_tensor(old) for old, new in wanted.items() if new}
        else:
            stored = torch.load(path, map_location="cpu", weights_only=True)
            stored = stored.get("state_dict", stored)
            state = {key(name): value for name, value in stored.items() if key(name)}
        return {
            name: value.float() if value.is_floating_point() else value
            for name, value in state.items()
        }
    # A file that holds something else makes the readers raise almost anything.
    except Exception as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> LeakageError:
    reason = str(error).partition("\n")[0]
    return LeakageError(f"{path}: not a readable weights file ({reason}); delete it or get it anew")


def _refuse_misfit(
    path: Path, title: str, expected: dict[str, Any], found: dict[str, "torch.Tensor"]
) -> None:
    """Say which tensors of a file do not fit the network, naming the first few."""
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


def _on_device(
    architecture: Architecture, network: "torch.nn.Module", device: "torch.device"
) -> "torch.nn.Module":
    import torch

    # The pixels come channels last, and convolutions are a fifth faster that way.
    features = architecture.features(network).eval()
    return features.to(device, memory_format=torch.channels_last)


def _input(
    architecture: Architecture, device: "torch.device"
) -> Callable[[list[np.ndarray]], "torch.Tensor"]:
    """Return what makes the network's input, float32 (n, 3, size, size), from uint8 patches."""
    import torch

    mean, std = (
        torch.tensor(values, device=device).reshape(1, 3, 1, 1)
        for values in (architecture.mean, architecture.std)
    )

    def prepare(patches: list[np.ndarray]) -> torch.Tensor:
        pixels = np.stack([encoders.three_channels(patch) for patch in patches])
        check_size(architecture, pixels.shape[1])
        scaled = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2) / 255
        return scaled.sub_(mean).div_(std)

    return prepare


def _batch_norms(network: "torch.nn.Module") -> list["torch.nn.Module"]:
    from torch.nn.modules.batchnorm import _BatchNorm

    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]


def _plain_patches(plain: Callable[[], list[np.ndarray]] | None, where: str) -> list[np.ndarray]:
    patches = plain() if plain else []
    if not patches:
        raise LeakageError(
            f"{where}: an untrained network with BatchNorm is calibrated on plain patches, and "
            "none were given; pass --view (level 0), --places and --size to the step `weights`"
        )
    return patches


def _label(title: str, entry: Entry, calibrated: bool) -> str:
    if entry.source == "package":
        return f"{title} (ImageNet)"
    if entry.source != "random":
        return f"{title} ({Path(entry.weights).name})"
    return f"{title}, untrained{' (BatchNorm calibrated on plain patches)' if calibrated else ''}"
