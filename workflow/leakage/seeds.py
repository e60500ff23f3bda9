"""The check of every seed that a Python caller passes."""

from leakage import arguments

# Tables store a seed as int64, and estimators count up from it.
LARGEST = 2**62


def checked(seed: object, name: str = "seed") -> int:
    """Return a seed as an int.

    Args:
        seed: a whole number, Python's or NumPy's.
        name: the argument's name, for the message.

    Raises:
        LeakageError: it is negative, larger than 2^62, has a fraction, or is not a number.

    Example:
        >>> checked(np.int64(3))
        3
    """
    expected = f"expected a whole number from 0 to 2^62; for example {name}=0"
    return arguments.whole_number(seed, name, LARGEST, expected)
