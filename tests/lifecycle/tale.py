"""A tale: a story from where it was kept on, with what every machine does: bring it on, let time pass."""

import datetime as dt
from collections.abc import Callable
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.lifecycle.acts import Act
from tests.lifecycle.cast import ACTORS, TRUSTS, Actor
from tests.lifecycle.ground import Ground, Kept, Story
from tests.lifecycle.route import onward

trusts = st.sampled_from(TRUSTS)
whoever = st.integers(0, 4 * len(ACTORS))  # mostly whoever has to, one time in four anybody
which = st.integers(0, 5)
yes = st.booleans()
STARTS = ("lost", "handed over", "tested", "ready", "proposed", "approved", "reinstating", "live")


class Tale(RuleBasedStateMachine):
    """One story, from where it was kept on."""

    ground: ClassVar[Ground]
    kept: ClassVar[dict[str, Kept]]
    story: Story
    turn = 0

    @initialize(start=st.sampled_from(STARTS))
    def begin(self, start: str) -> None:
        """Begin with systems that were lost, or that came so far before."""
        (self.story,) = self.ground.again(self.kept[start])
        self.model = self.story.model

    def act(self, act: Act | None = None) -> None:
        """Let somebody act; where there is nothing to act on, bring a system nearer to its users."""
        self.turn += 1
        in_turn = TRUSTS[self.turn % len(TRUSTS)]
        if act := act or onward(self.model, in_turn):
            self.ground.act(self.story, act)

    @rule(trust=trusts, times=st.integers(1, 3))
    def onward(self, trust: str, times: int) -> None:
        """Let whoever has to bring a system nearer to its users."""
        for _ in range(times):
            self.act(onward(self.model, trust))

    @rule(hours=st.sampled_from((1, 6, 24, 72, 240, 600)))
    def later(self, hours: int) -> None:
        """Let time pass."""
        self.ground.later(self.story, dt.timedelta(hours=hours))
        self.ground.check(self.story, written=False)


def who(drawn: int, right: Actor) -> Actor:
    """Return whoever has to, or now and then anybody."""
    return ACTORS[drawn] if drawn < len(ACTORS) else right


def bring(ground: Ground, story: Story, state: str, after: Callable[[Act], None] = lambda _: None) -> None:
    """Bring every system of a story to a state."""
    for code in TRUSTS:
        while story.model.systems[code].state != state:
            act = onward(story.model, code)
            assert act
            if act.expected == "GateShut":
                ground.later(story, dt.timedelta(hours=6))
            else:
                ground.act(story, act)
                after(act)


def prepared(ground: Ground) -> dict[str, Kept]:
    """Tell one story once, and keep it where it came to: every act of it is held against the model, too."""
    story = ground.begin()
    kept = {"lost": ground.keep(story)}

    def after(act: Act) -> None:
        if act.verb == "proposeWave" and "proposed" not in kept:
            kept["proposed"] = ground.keep(story)

    for name in ("handed over", "tested", "ready", "approved", "reinstating", "live"):
        bring(ground, story, {"handed over": "HANDED_OVER", "tested": "IN_TRUST_TEST"}.get(name, name.upper()), after)
        for code in TRUSTS if name == "tested" else ():
            while (act := onward(story.model, code)) and act.verb == "reportTest":
                ground.act(story, act)
        kept[name] = ground.keep(story)
    return kept
