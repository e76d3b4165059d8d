"""Reckoning: the stored progress of every system held against the rows it was counted from."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import text

from auth.tenancy import Transaction

PAGE = 200  # a page is a statement, with a statement's patience

# What is stored counts only while results count from the same build on; afterwards it stands for nothing reported.
_PAGE = text("""
    select s.tenant_ods, s.id, s.name,
        case when p.system_id is null then 'nothing is stored'
             when (p.supplier_ods, p.region_ods) is distinct from (s.supplier_ods, s.region_ods)
             then 'another supplier or region is stored'
             when p.counted_from > f.counted_from
             then format('counted from build %s, which is not there yet', p.counted_from)
             when (p.latest_report_id, p.latest_reported_at) is distinct from (f.latest_report_id, f.latest_reported_at)
             then 'another latest report is stored'
             when p.counted_from = f.counted_from and (p.reported, p.met, p.failing) <> (f.reported, f.met, f.failing)
             then format('%s reported, %s met, %s failing are stored; its reports give %s, %s, %s',
                         p.reported, p.met, p.failing, f.reported, f.met, f.failing)
             when p.counted_from < f.counted_from and f.reported > 0
             then format('counted from build %s, and its reports from build %s on are not counted',
                         p.counted_from, f.counted_from)
        end as fault
    from (select * from system where (tenant_ods, id) > (:tenant, :system) order by tenant_ods, id limit :page) s
    left join system_progress p on p.tenant_ods = s.tenant_ods and p.system_id = s.id
    cross join lateral app.figures(s.tenant_ods, s.id) f
    order by s.tenant_ods, s.id
""")


@dataclass(frozen=True)
class Reckoned:
    """A system whose stored progress was held against its rows."""

    tenant_ods: str
    id: uuid.UUID
    name: str
    fault: str | None

    @property
    def sentence(self) -> str:
        """What is wrong with it."""
        return f"{self.tenant_ods}, {self.name} ({self.id}): {self.fault}."


async def reckon(db: Transaction) -> AsyncIterator[Reckoned]:
    """Count every system anew; give each with what differs in the stored count, None when nothing does."""
    tenant, system = "", uuid.UUID(int=0)
    while rows := await db.rows(_PAGE.bindparams(tenant=tenant, system=system, page=PAGE)):
        for row in rows:
            yield Reckoned(row.tenant_ods, row.id, row.name, row.fault)
        tenant, system = rows[-1].tenant_ods, rows[-1].id
