"""The one exception that a user of the workflow is meant to read."""


class LeakageError(Exception):
    """A problem in the user's hands: one clear message, no traceback.

    The message names the file or key, what was found, what was expected and what to do next.
    """
