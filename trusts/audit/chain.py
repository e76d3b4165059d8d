"""The chains of events checked link by link, from the very strings that were hashed; without a database."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auth.checkpoint import Checkpoint
from trusts.audit.link import FIRST_HASH, Link, NotJsonError, hashed, misshapen, read_line

_NUMBER = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong: at which event of which organisation, in a sentence."""

    tenant_ods: str
    sequence: int
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What a verification found: how many events hold, the head of each chain, the first fault."""

    events: int
    heads: Mapping[str, Checkpoint]
    fault: Fault | None

    @property
    def intact(self) -> bool:
        """Whether every link holds and nothing is lost."""
        return self.fault is None


class Verification:
    """Takes events in their order up to the first fault, remembering only the head of each chain."""

    def __init__(self, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self.fault: Fault | None = None
        self.events = 0
        self._heads: dict[str, Checkpoint] = {}
        self._current = Checkpoint("", 0, FIRST_HASH, "")
        self._witnesses: dict[tuple[str, int], set[Checkpoint]] = defaultdict(set)
        for checkpoint in checkpoints:
            self._witnesses[checkpoint.tenant_ods, checkpoint.sequence].add(checkpoint)

    def take_line(self, line: str | bytes) -> bool:
        """Take a line of an export; tell whether it holds."""
        try:
            return self.take(read_line(line))
        except NotJsonError:
            last = self._current
            place = f"after event {last.sequence} of {last.tenant_ods}" if last.sequence else "at the start"
            sentence = f"The line {place} is not a JSON object."
            self.fault = Fault(last.tenant_ods, last.sequence + 1, sentence)
            return False

    def take(self, link: Link) -> bool:
        """Take an event as its strings; tell whether it holds."""
        before = self._before(link)
        self.fault = _broken(link, before)
        if self.fault:
            return False
        head = Checkpoint(before.tenant_ods, before.sequence + 1, link["hash"], link["recorded_at"])
        self.fault = self._mixed(head) or self._contradicted(head)
        self._heads[head.tenant_ods] = self._current = head
        self.events += self.fault is None
        return self.fault is None

    def verdict(self) -> Verdict:
        """Return what was found, once everything was taken; a chain must reach its checkpoints."""
        for tenant, sequence in sorted(self._witnesses, key=lambda place: (place[0], -place[1])):
            head = self._heads.get(tenant)
            if self.fault is None and (head is None or head.sequence < sequence):
                self.fault = _cut(tenant, head.sequence if head else 0, sequence)
        return Verdict(self.events, self._heads, self.fault)

    def _before(self, link: Link) -> Checkpoint:
        """Return what this one should follow; an event that hides its organisation is known by its link."""
        current, tenant = self._current, link.get("tenant_ods")
        if current.sequence and (tenant == current.tenant_ods or link.get("previous_hash") == current.hash):
            return current
        name = tenant if isinstance(tenant, str) else ""
        return self._heads.get(name) or Checkpoint(name, 0, FIRST_HASH, "")

    def _mixed(self, head: Checkpoint) -> Fault | None:
        current = self._current.tenant_ods
        if head.sequence == 1 or head.tenant_ods == current:
            return None
        return _fault(head.tenant_ods, head.sequence, f"comes among those of {current}: chains must not be mixed")

    def _contradicted(self, head: Checkpoint) -> Fault | None:
        if self._witnesses.get((head.tenant_ods, head.sequence), {head}) == {head}:
            return None
        return _fault(
            head.tenant_ods,
            head.sequence,
            "is not the one its checkpoint holds: data loss. The history up to it was written anew, "
            "or grew from a restore older than the checkpoint",
        )


def verify(lines: Iterable[str | bytes], checkpoints: Iterable[Checkpoint] = ()) -> Verdict:
    """Verify an export: every hash, link and number, and that nothing up to a checkpoint is lost."""
    verification = Verification(checkpoints)
    for line in lines:
        if not verification.take_line(line):
            break
    return verification.verdict()


def _broken(link: Link, before: Checkpoint) -> Fault | None:
    tenant, sequence = before.tenant_ods, before.sequence + 1
    if what := misshapen(link):
        said = what
    elif hashed(link) != link["hash"]:
        said = "was changed after it was recorded: its hash is not that of what it says"
    elif link["tenant_ods"] != tenant:
        said = "is missing: an event of another organisation stands in its place"
    elif link["sequence"] != str(sequence):
        return _misnumbered(link["sequence"], before)
    elif link["previous_hash"] != before.hash:
        said = "is not linked to the event before it"
    else:
        return None
    return _fault(tenant, sequence, said)


def _misnumbered(found: str, before: Checkpoint) -> Fault:
    tenant, last = before.tenant_ods, before.sequence
    if not _NUMBER.fullmatch(found):
        return _fault(tenant, last + 1, "has no number")
    if int(found) <= last:
        return _fault(tenant, int(found), f"comes again after event {last}")
    place = f"comes after event {last}" if last else "comes first"
    return _fault(tenant, last + 1, f"is missing: event {found} {place}")


def _cut(tenant: str, last: int, witnessed: int) -> Fault:
    ends = f"ends with event {last}" if last else "is not there"
    said = (
        f"is missing, and all up to its checkpoint at event {witnessed}: data loss. The chain {ends}: "
        f"the tail after {last} was cut, or this is a restore older than the checkpoint"
    )
    return _fault(tenant, last + 1, said)


def _fault(tenant: str, sequence: int, said: str) -> Fault:
    return Fault(tenant, sequence, f"Event {sequence} of {tenant[:10] if tenant.isalnum() else 'nobody'} {said}.")
