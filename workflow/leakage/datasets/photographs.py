"""Photographs in the packages scikit-image, scikit-learn and matplotlib, without a download.

Licences and origins are copied from the packages' documentation (the docstrings of `skimage.data`,
the README beside scikit-learn's pictures). For two photographs it states only the origin.
matplotlib states nothing about its portrait of Grace Hopper; the entry here is our knowledge.
"""

import importlib.util
import shutil
from pathlib import Path
from typing import ClassVar, NamedTuple

from pydantic import Field, field_validator

from leakage.config.settings import nearest, shown
from leakage.datasets import Dataset, Entry, Row
from leakage.errors import LeakageError
from leakage.storage import files

PACKAGES = {"scikit-image": "skimage", "scikit-learn": "sklearn", "matplotlib": "matplotlib"}
LICENSES = {
    "CC0": "CC0 1.0, https://creativecommons.org/publicdomain/zero/1.0/",
    "CC BY": "CC BY 2.0, https://creativecommons.org/licenses/by/2.0/",
}


class Photograph(NamedTuple):
    """The place of a photograph in an installed package, its licence and its origin."""

    package: str
    file: str
    license: str
    origin: str


# Name, package, file, licence and origin.
# motorcycle_right is left out: it shows the scene of motorcycle_left.
TABLE = """
astronaut | scikit-image | data/astronaut.png | public domain | NASA Great Images, https://flic.kr/p/r9qvLn
chelsea | scikit-image | data/chelsea.png | CC0 | Stefan van der Walt
coffee | scikit-image | data/coffee.png | CC0 | Rachel Michetti, Pikolo Espresso Bar
rocket | scikit-image | data/rocket.jpg | public domain | SpaceX, https://www.flickr.com/photos/spacexphotos/16511594820/
motorcycle_left | scikit-image | data/motorcycle_left.png | not stated by scikit-image | Middlebury 2014 stereo benchmark, https://vision.middlebury.edu/stereo/data/scenes2014/
china | scikit-learn | datasets/images/china.jpg | CC BY | danielbuechele, https://www.flickr.com/photos/danielbuechele/6061409035/
flower | scikit-learn | datasets/images/flower.jpg | CC BY | vultilion, https://www.flickr.com/photos/vultilion/6056698931/
camera | scikit-image | data/camera.png | CC0 | Lav Varshney
moon | scikit-image | data/moon.png | not stated by scikit-image | surface of the moon
coins | scikit-image | data/coins.png | no known copyright restrictions | Brooklyn Museum, https://www.brooklynmuseum.org/opencollection/archives/image/51611
brick | scikit-image | data/brick.png | CC0 | CC0Textures, https://cc0textures.com/view.php?tex=Bricks25
grass | scikit-image | data/grass.png | CC0 | https://www.deviantart.com/linolafett/art/Grass-01-434853879
gravel | scikit-image | data/gravel.png | CC0 | CC0Textures, https://cc0textures.com/view.php?tex=Gravel04
retina | scikit-image | data/retina.jpg | CC0 | Mikael Häggström, https://commons.wikimedia.org/wiki/File:Fundus_photograph_of_normal_left_eye.jpg
hubble_deep_field | scikit-image | data/hubble_deep_field.jpg | public domain | NASA, http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/
ihc | scikit-image | data/ihc.png | no known copyright restrictions | Center for Microscopy And Molecular Imaging (CMMI)
clock | scikit-image | data/clock_motion.png | public domain | Stefan van der Walt
grace_hopper | matplotlib | mpl-data/sample_data/grace_hopper.jpg | public domain, as a work of the United States government | official portrait by James S. Davis, US Navy, 1984
"""  # noqa: E501
PHOTOGRAPHS = {
    name: Photograph(package, file, LICENSES.get(license, license), origin)
    for name, package, file, license, origin in (
        line.split(" | ") for line in TABLE.strip().splitlines()
    )
}


class Photographs(Dataset):
    """Photographs in installed packages."""

    branch: ClassVar[str] = "photographs"

    names: list[str] = Field(default=list(PHOTOGRAPHS))
    """names of the photographs, without repeats"""

    @field_validator("names")
    @classmethod
    def _known_and_distinct(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in PHOTOGRAPHS:
                raise ValueError(
                    f"unknown photograph {shown(name)}; the nearest is "
                    f"{nearest(name, PHOTOGRAPHS)} (known: {', '.join(PHOTOGRAPHS)})"
                )
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"found {shown(names)}; expected at least one photograph, each named once"
            )
        return names

    def expected(self) -> int:
        """Return the number of photographs, including those too small for a patch."""
        return len(self.names)

    def pictures(self) -> dict[str, Path]:
        """Return the file of every photograph by its name."""
        return {name: _installed(PHOTOGRAPHS[name]) for name in self.names}

    def collect(self, pictures: Path, patch_size: int) -> tuple[list[Row], list[Row]]:
        """Copy the photographs to `pictures` and return the rows."""
        entries = [_copied(name, PHOTOGRAPHS[name], pictures) for name in self.names]
        return self.listed(pictures, entries, patch_size)


def _copied(name: str, photograph: Photograph, pictures: Path) -> Entry:
    original = _installed(photograph)
    copy = pictures / original.name
    if not copy.is_file() or files.sha256(copy) != files.sha256(original):
        with files.kept_file(copy) as temporary:
            shutil.copyfile(original, temporary)
    source = f"{photograph.package}: {photograph.file}; {photograph.origin}"
    return Entry(name, original.name, photograph.license, source)


def _installed(photograph: Photograph) -> Path:
    """Return the path of a photograph, without importing its package (which takes seconds)."""
    spec = importlib.util.find_spec(PACKAGES[photograph.package])
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / photograph.file).is_file():
            return path
    raise LeakageError(
        f"{photograph.file}: the installed {photograph.package} does not contain this photograph; "
        "install the pinned version, or remove the name from dataset.photographs.names"
    )
