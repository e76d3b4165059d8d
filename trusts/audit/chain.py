"""The chains of events checked link by link, from the very strings that were hashed; no database is needed."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain as joined

from auth.checkpoint import Checkpoint
from trusts.audit.link import FIRST_HASH, Link, NotJsonError, hashed, misshapen, read_line

_ODS = re.compile(r"[A-Z0-9]{3,10}")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong: at which event of which organisation, in a sentence."""

    tenant_ods: str
    sequence: int
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What a verification found: how many events hold, each chain's head, and the first fault."""

    events: int
    heads: Mapping[str, Checkpoint]
    fault: Fault | None

    @property
    def intact(self) -> bool:
        """Whether every link holds and nothing is lost."""
        return self.fault is None


class Verification:
    """Takes events in their order, remembering only each chain's head."""

    def __init__(self, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self.events = 0
        self.fault: Fault | None = None
        self._heads: dict[str, Checkpoint] = {}
        self._now = ""
        self._witnessed: dict[str, dict[int, set[Checkpoint]]] = defaultdict(lambda: defaultdict(set))
        for checkpoint in checkpoints:
            self._witnessed[checkpoint.tenant_ods][checkpoint.sequence].add(checkpoint)

    def take_line(self, line: str | bytes) -> Fault | None:
        """Take a line of an export."""
        try:
            return self.take(read_line(line))
        except NotJsonError:
            head = self._heads.get(self._now)
            place = f"after event {head.sequence} of {self._now}" if head else "at the beginning"
            return self._find(
                self._now, head.sequence + 1 if head else 1, f"The line {place} is not a JSON object."
            )

    def take(self, link: Link) -> Fault | None:
        """Take an event as its strings; return what is wrong with it."""
        tenant, sequence = self._place(link)
        if wrong := self._wrong(link, tenant, sequence):
            return wrong
        head = Checkpoint(tenant, sequence, link["hash"], link["recorded_at"])
        self._heads[tenant] = head
        self._now = tenant
        self.events += 1
        if any(checkpoint != head for checkpoint in self._witnessed[tenant].get(sequence, ())):
            return self._find(
                tenant,
                sequence,
                f"Data loss: event {sequence} of {tenant} is not the one its checkpoint holds: history up to it "
                "was written anew, or this grew from a restore older than the checkpoint.",
            )
        return None

    def verdict(self) -> Verdict:
        """Return the verdict, once everything was taken: a chain must reach its checkpoints."""
        late = [max(by_sequence) for by_sequence in self._witnessed.values() if by_sequence]
        for tenant, last in zip([t for t, each in self._witnessed.items() if each], late, strict=True):
            held = self._heads[tenant].sequence if tenant in self._heads else 0
            if not self.fault and held < last:
                self._find(tenant, held + 1, _cut(tenant, held, last))
        return Verdict(self.events, self._heads, self.fault)
