"""The exception for problems that the user can fix."""


class LeakageError(Exception):
    """A problem that the user can fix, shown as one message without a traceback.

    The message names the file or key, and says what was found, what was expected and what to do.
    """
