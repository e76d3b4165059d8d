"""The scenario's clock: it is set while the scenario is replayed, and runs on afterwards."""

import datetime as dt
import time


class ScenarioClock:
    """Tells the scenario's time; it never goes back."""

    def __init__(self, at: dt.datetime) -> None:
        self._at = at
        self._started: float | None = None

    def __call__(self) -> dt.datetime:
        """Return the time it is in the scenario."""
        passed = 0.0 if self._started is None else time.monotonic() - self._started
        return self._at + dt.timedelta(seconds=passed)

    def reach(self, at: dt.datetime) -> None:
        """Set it on to a later time; an earlier one leaves it."""
        self._at = max(self._at, at)

    def run(self) -> None:
        """Let it run from now on."""
        self._started = time.monotonic()
