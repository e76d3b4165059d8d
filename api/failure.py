"""What a person at the command line did, or can mend: one plain sentence, an exit status, no traceback."""


class UsageError(Exception):
    """The command was given something it cannot use; exit status 2."""
