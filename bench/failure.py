"""Why the bench cannot go on: one plain sentence."""


class BenchError(Exception):
    """The bench cannot measure this, and says why."""
