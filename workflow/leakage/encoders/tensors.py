"""Weights files: which tensors a file holds, and whether they are the weights of a network."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from leakage.errors import LeakageError

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]

# Training wrappers put these before the name of every tensor.
WRAPPERS = ("module.", "_orig_mod.")
# How many of the tensors that do not fit an error names.
NAMED = 3
# Files that are not weights, by their first bytes.
OTHERS = {
    b"version https://git-lfs": "a Git LFS pointer without the file; run git lfs pull",
    b"<": "a web page or XML; download the file itself",
    b"PK\x03\x04": "a zip archive, probably a pickle of torch; convert it (docs/encoders.md)",
    b"\x80": "a pickle, which can hold code; convert it (docs/encoders.md)",
    b"\x89HDF": "an HDF5 file; convert it (docs/encoders.md)",
    b"\x93NUMPY": "a NumPy array; convert it (docs/encoders.md)",
}
OTHER = "something else; give a .safetensors file"


def read(path: Path, key: Callable[[str], str | None], pickled: bool) -> "State":
    """Return the tensors of a weights file that a network needs, by the network's names.

    The content decides how the file is read, not the end of its name.

    Args:
        path: the file.
        key: the network's name for a tensor; None for a tensor to ignore.
        pickled: whether a pickle may be read; only its tensors are.

    Raises:
        LeakageError: it is not a readable weights file, or has two tensors for one name.
    """
    kind = _kind(path)
    if kind is not None and not pickled:
        raise LeakageError(f"{path}: not a .safetensors file: found {kind}")
    # Other content makes the readers raise almost any exception.
    try:
        stored = _safetensors(path, key) if kind is None else _pickle(path, key)
    except LeakageError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise LeakageError(
            f"{path}: not a readable weights file ({reason}); it may be incomplete; copy or "
            "download it again"
        ) from None
    return stored


def _kind(path: Path) -> str | None:
    """Return what a file is, with advice; None for safetensors."""
    with path.open("rb") as file:
        start = file.read(32)
    if not start:
        return "an empty file; copy or download it again"
    # Eight bytes hold the length of a header in JSON.
    if start[8:9] == b"{":
        return None
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    return next((what for sign, what in OTHERS.items() if text.startswith(sign)), OTHER)


def _safetensors(path: Path, key: Callable[[str], str | None]) -> "State":
    from safetensors import safe_open

    with safe_open(path, "pt") as stored:
        names = _renamed(path, stored.offset_keys(), key)
        return {new: stored.get_tensor(old) for new, old in names.items()}


def _pickle(path: Path, key: Callable[[str], str | None]) -> "State":
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    content = content.get("state_dict", content)
    return {new: content[old] for new, old in _renamed(path, content, key).items()}


def _renamed(path: Path, names: Iterable[str], key: Callable[[str], str | None]) -> dict[str, str]:
    """Return the name in the file of each of the network's names."""
    found: dict[str, str] = {}
    for name in names:
        plain = name
        for wrapper in WRAPPERS:
            plain = plain.removeprefix(wrapper)
        new = key(plain)
        if new is None:
            continue
        if new in found:
            raise LeakageError(
                f"{path}: two tensors for {new} ({found[new]} and {name}); keep one of them"
            )
        found[new] = name
    return found


def fitted(path: Path, title: str, expected: "State", found: "State") -> "State":
    """Return the tensors of a file in the types of the network: floating numbers as float32.

    Raises:
        LeakageError: they are not the weights of the network; the first few are named.
    """
    import torch

    floats = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

    def of_another_type(name: str) -> bool:
        # Integers are indices and counters.
        now, then = found[name].dtype, expected[name].dtype
        if then.is_floating_point:
            return now not in floats
        return now.is_floating_point or now.is_complex

    both = [name for name in expected if name in found]
    problems = {
        # Files of old releases lack BatchNorm's counter of batches, which torch then sets to 0.
        "missing": [
            name
            for name in expected
            if name not in found and not name.endswith("num_batches_tracked")
        ],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in both
            if found[name].shape != expected[name].shape
        ],
        "of another type": [
            f"{name} {_type(found[name])} instead of {_type(expected[name])}"
            for name in both
            if of_another_type(name)
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
    return {name: value.to(expected[name].dtype) for name, value in found.items()}


def _type(tensor: "torch.Tensor") -> str:
    return str(tensor.dtype).removeprefix("torch.")


def refuse_untrained(path: Path, features: "torch.nn.Module") -> None:
    """Refuse weights with NaN or infinity in a tensor that is used, or with one value each."""
    import torch

    floating = {
        name: value
        for name, value in features.state_dict().items()
        if value.is_floating_point() and value.numel()
    }
    wrong = [name for name, value in floating.items() if not torch.isfinite(value).all()]
    if wrong:
        raise LeakageError(
            f"{path}: {wrong[0]} and {len(wrong) - 1} other tensors are not finite (NaN or "
            "infinity); give undamaged weights"
        )
    matrices = [value for value in floating.values() if value.ndim > 1]
    if matrices and all(value.min() == value.max() for value in matrices):
        raise LeakageError(
            f"{path}: every tensor holds one value only, such as 0, so all pictures would look "
            "the same; give trained weights"
        )
