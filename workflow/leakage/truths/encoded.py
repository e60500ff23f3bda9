"""Encoded pictures with known information: erasure, and a channel between classes.

Estimators read embeddings of pictures, as in the workflow, but the information between x and y is
known. The encoder is an entry of `encoders` in the configuration, as JSON text.
"""

import functools

import numpy as np

from leakage import encoders
from leakage.interfaces import Bytes, Floats
from leakage.truths.discrete import PHOTOGRAPHS, symmetric_channel_nats
from leakage.truths.pictures import digit_pictures, of_classes
from leakage.truths.samples import Sample, of_levels

STATISTICS = '{"kind": "statistics"}'
COLOUR = ("astronaut", "chelsea", "coffee", "rocket")  # in addition to the grey ones, no download
SIZE = 224  # side of a patch, in pixels
PATCHES_PER_PHOTOGRAPH = 10
ERASED = (0.0, 0.25, 0.5, 0.75, 1.0)
CHANNEL_ERRORS = (0.0, 0.2, 0.4, 0.6, 0.9)  # with ten classes, 0.9 leaves no information
CLASSES = 10
FOLDS = 5


def erasure_pictures(
    pairs: int, generator: np.random.Generator, encoder: str = STATISTICS
) -> Sample:
    """Return embeddings of a patch X and of its view: X, or with probability e a fixed blank.

    X is uniform over N = 100 patches of the bundled photographs, the same for every seed. So
    I(X;Y) = (1 - e) ln N for any encoder that gives N + 1 different embeddings. There is a level
    per e; the last one shows only blanks.
    """
    known = embedded_patches(encoder)
    items = len(known) - 1
    shown = generator.integers(items, size=pairs)
    lost = generator.random((len(ERASED), pairs)) < np.array(ERASED)[:, None]
    y = known[np.where(lost, items, shown)]
    return of_levels(known[shown], y, (1 - np.array(ERASED)) * np.log(items))


def class_channel(pairs: int, generator: np.random.Generator, encoder: str = STATISTICS) -> Sample:
    """Return embeddings of a picture of digit C and of one of digit C', drawn by a channel.

    C is uniform over ten digits. The channel replaces it by another digit with probability e, each
    equally likely, with a level per e. Each picture is drawn from all of scikit-learn's pictures of
    its digit. A picture shows one digit, so the pictures have information I(C;C'). An encoder may
    hide some of it. The truth lies between `lower`, the information of a held-out classifier's
    labels, and `upper`, I(C;C').
    """
    known = embedded_digits(encoder)
    classes = generator.integers(CLASSES, size=pairs)
    of_view = (
        (classes + (generator.random(pairs) < e) * generator.integers(1, CLASSES, pairs)) % CLASSES
        for e in CHANNEL_ERRORS
    )
    x = known[of_classes(classes, generator)]
    y = [known[of_classes(each, generator)] for each in of_view]
    upper = np.array([symmetric_channel_nats(CLASSES, e) for e in CHANNEL_ERRORS])
    lower = np.array([label_nats(e, encoder) for e in CHANNEL_ERRORS])
    return of_levels(x, y, upper, lower=lower, upper=upper)


def label_nats(error: float, encoder: str = STATISTICS) -> float:
    """Return the information between a held-out classifier's labels of x and y, in nats.

    x and y come from `class_channel`. By the data processing inequality it is at most I(X;Y). It is
    exact over the finite set of pictures, because the label of a picture is fixed.
    """
    channel = np.full((CLASSES, CLASSES), error / (CLASSES - 1) / CLASSES)
    np.fill_diagonal(channel, (1 - error) / CLASSES)
    read = confusion(encoder)
    joint = read.T @ channel @ read
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    kept = joint > 0
    return float((joint[kept] * np.log(joint[kept] / product[kept])).sum())


@functools.cache
def confusion(encoder: str) -> Floats:
    """Return the share of each digit's pictures classified as each digit, float64 (10, 10).

    The classifier is a linear discriminant of the embeddings, cross-validated in five folds.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    labels = digit_pictures()[1]
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    found = cross_val_predict(classifier, embedded_digits(encoder), labels, cv=folds)
    table = np.zeros((CLASSES, CLASSES))
    np.add.at(table, (labels, found), 1)
    shares: Floats = table / table.sum(axis=1, keepdims=True)
    return shares


@functools.cache
def embedded_patches(encoder: str) -> Floats:
    """Return the embeddings of the patches and of a blank in the last row, float32 (N + 1, dim)."""
    import skimage.data

    generator = np.random.default_rng(0)
    patches = []
    for name in (*COLOUR, *PHOTOGRAPHS):
        pixels = getattr(skimage.data, name)()
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        for _ in range(PATCHES_PER_PHOTOGRAPH):
            top, left = (generator.integers(side - SIZE + 1) for side in pixels.shape[:2])
            patches.append(pixels[top : top + SIZE, left : left + SIZE])
    return _embed(encoder, [*patches, np.zeros((SIZE, SIZE, 3), np.uint8)])


@functools.cache
def embedded_digits(encoder: str) -> Floats:
    """Return the embeddings of scikit-learn's digits, enlarged to `SIZE`, float32 (1797, dim)."""
    images = digit_pictures()[0].reshape(-1, 8, 8, 1) * (255 / 16)
    enlarged = [encoders.resize_whole(image.astype(np.uint8), SIZE) for image in images]
    return _embed(encoder, enlarged)


def _embed(encoder: str, patches: list[Bytes]) -> Floats:
    where = "calibration.encoder"
    entry = encoders.parse(encoder, where)
    weights = None
    if entry.needs_weights:
        weights = entry.find_weights(SIZE, 0, "cpu", lambda: patches[:256], where)
    ready = entry.load(weights, "cpu")
    parts = encoders.embed(ready, ((None, patch) for patch in patches))
    return np.concatenate([part for _, part in parts])
