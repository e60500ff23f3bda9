"""Weights files on the Hugging Face hub, through the cache that its own client keeps."""

from collections.abc import Iterable
from pathlib import Path


def fetch(repository: str, names: Iterable[str]) -> Path:
    """Return the first of `names` that a repository has, downloaded if it is not in the cache.

    What is in the cache is taken without a question to the network.

    Raises:
        FileNotFoundError: the repository has none of them (the client raises what it likes where
            nobody answers).
    """
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    names = list(names)
    for name in names:
        cached = huggingface_hub.try_to_load_from_cache(repository, name)
        if isinstance(cached, str):
            return Path(cached)
    for name in names:
        # A question of our own: the hub's client repeats its own for minutes if nobody answers.
        try:
            huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(repository, name))
        except EntryNotFoundError:
            continue
        return Path(huggingface_hub.hf_hub_download(repository, name))
    raise FileNotFoundError(f"{repository} has no {' or '.join(names)}")


def origin(repository: str) -> str:
    """Return where a repository is downloaded from."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}"


def cache() -> str:
    """Return the variable that moves the cache, and where that is now."""
    from huggingface_hub import constants

    return f"HF_HOME, now {constants.HF_HOME}"
