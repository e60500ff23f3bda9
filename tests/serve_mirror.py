"""Serve a mirror of COCO on loopback: `python tests/serve_mirror.py FOLDER PORT`, until Ctrl-C."""

import sys
import threading
from pathlib import Path

from servers import serving


def main(folder: str, port: str) -> None:
    """Serve a folder with the layout of COCO's host."""
    if not (Path(folder) / "annotations").is_dir():
        sys.exit(f"error: {folder}: not a mirror (it has no folder annotations)")
    with serving(Path(folder), port=int(port)) as server:
        print(f"serving {folder} at {server.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
