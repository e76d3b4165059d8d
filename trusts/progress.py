"""Progress: one line a system."""

from sqlmodel import col, select

from schema.incident import Incident
from schema.kept.question import All
from schema.progress import SystemProgress


def lines(incident: str | None = None, region: str | None = None) -> All[SystemProgress]:
    """Where every system stands that the caller may see: one line each, by region, trust and system."""
    found = select(SystemProgress).order_by(
        col(SystemProgress.region_ods),
        col(SystemProgress.organisation_name),
        col(SystemProgress.system_name),
        col(SystemProgress.system_id),
    )
    if incident is not None:
        known = select(col(Incident.id)).where(col(Incident.reference) == incident)
        found = found.where(col(SystemProgress.incident_id).in_(known))
    if region is not None:
        found = found.where(col(SystemProgress.region_ods) == region)
    return All(found)
