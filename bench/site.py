"""Where a run takes place: the ground, the product's installation, and how long each load lasts."""

from dataclasses import dataclass

from rich.progress import Progress

from bench.ground import Ground
from bench.product import Product
from bench.questions import places
from bench.scale import Scale
from bench.subject import Subject
from bench.turn import Course

TRUSTS = 40  # that ask, about three systems each


@dataclass(frozen=True)
class Site:
    """What every part of a run shares."""

    ground: Ground
    product: Product
    progress: Progress
    warm: int  # seconds
    seconds: int

    def course(self, scale: Scale) -> tuple[Course, list[Subject]]:
        """Make a scale's database; return the course on it, and the product without and with its cache."""
        name = self.ground.make(scale, self.progress)
        where = self.ground.admin(name, lambda admin: places(admin, TRUSTS))
        course = Course(self.ground, name, where, self.warm, self.seconds)
        return course, self.product.subjects(self.ground, name, where)
