// Smart tags: the tables that the questions need, their relations under our names, and nothing else.
import { jsonPgSmartTags, pgSmartTags } from 'postgraphile/utils';

const WANTED = [
  'bench_report', 'milestone', 'milestone_forecast', 'organisation', 'progress', 'system', 'test_report',
];
const NO_ROOT = '-query:resource:list -query:resource:connection -query:resource:single';

const ordered = { tags: { behavior: 'orderBy filterBy' } };

const hidden = pgSmartTags({
  kind: 'class',
  match: (table) => !WANTED.includes(table.relname),
  tags: { behavior: '-*' },
});

const shown = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      'public.bench_report': { tags: { behavior: NO_ROOT } },
      'public.milestone': {
        tags: {
          behavior: NO_ROOT,
          unique: 'id',
          foreignKey: '(system_id) references system (id)|@foreignFieldName milestones',
        },
      },
      'public.milestone_forecast': {
        tags: {
          behavior: NO_ROOT,
          unique: 'id',
          foreignKey: '(milestone_id) references milestone (id)|@foreignFieldName forecasts',
        },
      },
      'public.organisation': { tags: { behavior: NO_ROOT } },
      'public.progress': {
        tags: {
          behavior: 'query:resource:list -query:resource:connection -query:resource:single',
          primaryKey: 'tenant_ods,system_id',
          foreignKey: [
            '(tenant_ods) references organisation (ods_code)|@fieldName organisation|@behavior -list -connection',
            '(system_id) references system (id)|@fieldName system|@behavior -list -connection',
            '(latest_report_id) references test_report (id)|@fieldName latestReport|@behavior -list -connection',
          ],
        },
        attribute: { region_ods: ordered, organisation_name: ordered, system_name: ordered },
      },
      'public.system': { tags: { behavior: NO_ROOT, unique: 'id|@fieldName system|@behavior query:resource:single' } },
      'public.test_report': { tags: { behavior: NO_ROOT, unique: 'id' } },
    },
    constraint: {
      'public.test_report.test_report_tenant_ods_corrects_id_fkey': { tags: { behavior: '-*' } },
    },
    procedure: {
      'public.bench_report_test': { tags: { name: 'report_test', resultFieldName: 'report' } },
    },
  },
});

export const tags = [hidden, shown];
