"""The classic measures of visual security, of one picture: how like the plain one a view still is.

None of them says how much can be told of the picture; they are here because they are asked for.
Pictures are uint8 of shape (height, width, channels) with 1 or 3 channels; one of three equal
channels has the values of the same picture in grey. Every function raises a LeakageError for
anything else, and for two pictures of different shapes.
"""

import numpy as np

from leakage.errors import LeakageError

PEAK = 255
# The side of SSIM's uniform window, which is odd: the usual, and the smallest with a variance.
WINDOW, SMALLEST_WINDOW = 7, 3
# (down, right) to the neighbour.
NEIGHBOURS = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}
BLOCK = 8
DIRECTIONS = 8
# A Sobel response below it, in grey levels, is no edge. A step of s grey levels responds with s.
EDGE = 16.0
NO_EDGE_ANYWHERE = 0.5
# Thousandths of red, green and blue in luma (ITU-R BT.601); whole numbers keep grey exact.
LUMA = (299, 587, 114)
NAMES = (
    *("psnr", "ssim", "entropy"),
    *(f"correlation_{direction}" for direction in NEIGHBOURS),
    *("edge_similarity", "npcr", "uaci"),
)


def measure(plain: np.ndarray, seen: np.ndarray, ciphertext: np.ndarray) -> dict[str, float]:
    """Return every measure of one picture, by the names in `NAMES`.

    Args:
        plain: the picture before the encryption.
        seen: what an observer is given to see of the ciphertext.
        ciphertext: the whole of it, with its encrypted bits: `npcr` and `uaci` are taken on it.
    """
    values = [
        psnr(plain, seen),
        ssim(plain, seen),
        entropy(seen),
        *(correlation(seen, direction) for direction in NEIGHBOURS),
        edge_similarity(plain, seen),
        npcr(plain, ciphertext),
        uaci(plain, ciphertext),
    ]
    return dict(zip(NAMES, values, strict=True))


def psnr(plain: np.ndarray, seen: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, over all channels; inf for the same picture."""
    from skimage.metrics import peak_signal_noise_ratio

    _refuse_unlike(plain, seen)
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(plain, seen, data_range=PEAK))


def ssim(plain: np.ndarray, seen: np.ndarray) -> float:
    """Return the structural similarity, -1 to 1, mean over the channels; 1 for the same picture.

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Trans. Image Processing 13(4), 2004, as scikit-image computes it by default:
    uniform windows of 7 x 7, sample covariance. A picture less than 7 high or wide has the largest
    odd window that fits, one less than 3 high or wide has none: NaN.
    """
    from skimage.metrics import structural_similarity

    _refuse_unlike(plain, seen)
    side = min(WINDOW, *plain.shape[:2])
    window = side - 1 + side % 2
    if window < SMALLEST_WINDOW:
        return np.nan
    found = structural_similarity(plain, seen, win_size=window, data_range=PEAK, channel_axis=2)
    return float(found)


def entropy(picture: np.ndarray) -> float:
    """Return the Shannon entropy in bits of the values of all channels together: 0 to 8."""
    from scipy.stats import entropy as shannon

    _refuse(picture)
    counts = np.bincount(picture.ravel(), minlength=256)
    return float(shannon(counts[counts > 0], base=2))


def correlation(picture: np.ndarray, direction: str) -> float:
    """Return Pearson's correlation of neighbouring pixels, -1 to 1, mean over the channels.

    All pairs count, not a sample of them. A channel has no correlation where the pixels of one
    side of the pairs are all the same, or where there is no pair; NaN where none has one.

    Args:
        picture: uint8 of shape (height, width, channels).
        direction: of the neighbour: `horizontal` (to the right), `vertical` (below) or `diagonal`
            (below to the right).
    """
    _refuse(picture)
    down, right = NEIGHBOURS[direction]
    height, width, channels = picture.shape
    ones, others = picture[: height - down, : width - right], picture[down:, right:]
    sides = np.stack([ones, others]).reshape(2, -1, channels)
    found = [_pearson(*sides[..., channel]) for channel in range(channels)]
    known = [each for each in found if not np.isnan(each)]
    return float(np.mean(known)) if known else np.nan


def edge_similarity(plain: np.ndarray, seen: np.ndarray) -> float:
    """Return the edge similarity score, 0 to 1; symmetric; 1 for the same picture with some edge.

    Mao and Wu, "A joint signal processing and cryptographic approach to multimedia encryption",
    IEEE Trans. Image Processing 15(7), 2006. Blocks of 8 x 8 pixels have an index e, 0 for no edge
    and else the dominant one of 8 directions, 22.5 degrees apart. With angles phi(e), the score is

        sum over blocks of w / sum over blocks of c,
        w = |cos(phi(e1) - phi(e2))| where both blocks have an edge, else 0,
        c = 0 where neither has one, else 1,

    and 0.5 where no block of either picture has an edge (a convention: nothing is known then).
    Unrelated directions give 0.63 where all blocks have edges, which is why a score means nothing
    without that of noise beside it.

    What the paper leaves open is settled so: directions are those of the Sobel gradient of the luma
    (0.299 R + 0.587 G + 0.114 B, 0 to 255; edges lie across it, which changes no difference) with a
    mirrored border; a pixel is an edge where the response, scaled so that a step of s grey levels
    gives s, is at least 16; of a block's directions the dominant one has the largest sum of its
    edge pixels' responses (of equal ones the first); blocks that the picture's right or lower side
    cuts count like whole ones.
    """
    _refuse_unlike(plain, seen)
    one, other = _edge_directions(plain), _edge_directions(seen)
    both, any_edge = (one > 0) & (other > 0), (one > 0) | (other > 0)
    if not any_edge.any():
        return NO_EDGE_ANYWHERE
    turned = (one - other)[both] * np.pi / DIRECTIONS
    return float(np.abs(np.cos(turned)).sum() / any_edge.sum())


def npcr(plain: np.ndarray, ciphertext: np.ndarray) -> float:
    """Return the number of changed pixel rate in percent of all values: 0 to 100; symmetric.

    Taken between the plain picture and its WHOLE ciphertext, encrypted bits and all (the view
    `full`). It is not the differential test of Wu, Noonan and Agaian ("NPCR and UACI randomness
    tests for image encryption", 2011), which compares two ciphertexts of pictures that differ in
    one pixel, and says nothing about differential attacks. Of two independent uniform pictures
    255/256 = 99.609 % is expected.
    """
    _refuse_unlike(plain, ciphertext)
    return 100 * np.count_nonzero(plain != ciphertext) / plain.size


def uaci(plain: np.ndarray, ciphertext: np.ndarray) -> float:
    """Return the unified average changed intensity in percent of 255: 0 to 100; symmetric.

    Between the plain picture and its WHOLE ciphertext, and not the differential test: see `npcr`.
    Of two independent uniform pictures 257/768 = 33.464 % is expected. A plain picture is not
    uniform: under a perfect cipher its value depends on its brightness, from 25 % (all mid-grey) to
    50 % (all black or white), so that only noise in the ciphertext's place says what to expect.
    """
    _refuse_unlike(plain, ciphertext)
    differences = np.abs(plain.astype(np.int16) - ciphertext)
    # Divided once, as NPCR is: where all that changes changes by 255, the two are the same number.
    return 100 * int(differences.sum()) / (PEAK * differences.size)


def _pearson(ones: np.ndarray, others: np.ndarray) -> float:
    if not ones.size or any(side.min() == side.max() for side in (ones, others)):
        return np.nan
    one, other = ones - ones.mean(), others - others.mean()
    return float(np.clip(one @ other / np.sqrt((one @ one) * (other @ other)), -1, 1))


def _edge_directions(picture: np.ndarray) -> np.ndarray:
    """Return each block's dominant direction, 1 to 8, or 0 for no edge: int64, (blocks,)."""
    from skimage.filters import sobel_h, sobel_v

    grey = _luma(picture)
    down, right = sobel_h(grey), sobel_v(grey)
    response = np.hypot(down, right)
    edges = response >= EDGE
    direction = np.rint(np.arctan2(down, right) * DIRECTIONS / np.pi).astype(int) % DIRECTIONS
    height, width = grey.shape
    across = -(-width // BLOCK)
    block = np.arange(height)[:, None] // BLOCK * across + np.arange(width) // BLOCK
    votes = np.bincount(
        (block * DIRECTIONS + direction)[edges],
        weights=response[edges],
        minlength=(block[-1, -1] + 1) * DIRECTIONS,
    ).reshape(-1, DIRECTIONS)
    return np.where(votes.any(axis=1), votes.argmax(axis=1) + 1, 0)


def _luma(picture: np.ndarray) -> np.ndarray:
    """Return the luma, float64 of shape (height, width), 0 to 255."""
    if picture.shape[2] == 1:
        return picture[..., 0].astype(np.float64)
    return picture @ np.array(LUMA) / sum(LUMA)


def _refuse(picture: np.ndarray) -> None:
    fits = picture.ndim == 3 and picture.shape[-1] in (1, 3) and picture.size > 0
    if not fits or picture.dtype != np.uint8:
        raise LeakageError(
            f"measures: found {picture.dtype} of shape {picture.shape}; expected a picture of "
            "uint8 and shape (height, width, channels) with 1 or 3 channels; give a grey one as "
            "picture[..., None]"
        )


def _refuse_unlike(plain: np.ndarray, other: np.ndarray) -> None:
    _refuse(plain)
    _refuse(other)
    if plain.shape != other.shape:
        raise LeakageError(
            f"measures: found pictures of shapes {plain.shape} and {other.shape}; expected the "
            "same shape; a view has that of its picture, so one of the two is another picture's"
        )
