"""Weights files on the Hugging Face hub, through the cache of its own client."""

from collections.abc import Sequence
from pathlib import Path


def fetch(repository: str, names: Sequence[str]) -> Path:
    """Return the first of the named files that a repository has, downloading it if needed.

    A cached file is used without asking the hub.
    """
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        cached = huggingface_hub.try_to_load_from_cache(repository, name)
        if isinstance(cached, str):
            return Path(cached)
    for name in names:
        # Ask once ourselves: the client retries for minutes if nobody answers.
        try:
            huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(repository, name))
        except EntryNotFoundError:
            continue
        return Path(huggingface_hub.hf_hub_download(repository, name))
    raise FileNotFoundError(f"{repository} has no {' or '.join(names)}")


def origin(repository: str) -> str:
    """Return the address of a repository."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}"


def cache() -> str:
    """Return the environment variable that moves the cache, and its present folder."""
    from huggingface_hub import constants

    return f"HF_HOME, now {constants.HF_HOME}"
