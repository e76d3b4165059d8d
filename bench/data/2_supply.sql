-- One incident, a product for every ten systems or so, and two builds of each, of which the second is current.
with opened as (
    insert into incident (
        tenant_ods, id, version, created_at, created_by, reference, title, detected_at, contained_at, phase,
        supplier_ods, audience
    )
    values ('NATIONAL', uuidv7(), 1, bench.start(), 'bench', 'BENCH', 'An attack on the supplier', bench.start(),
            bench.start() + interval '6 hours', 'RECOVERING', 'SUPPLIER', 'PUBLISHED')
), registered as (
    insert into product (tenant_ods, id, version, created_at, created_by, code, name, category)
    select 'SUPPLIER', uuidv7(), 1, bench.start(), 'bench', 'PRODUCT-' || n, 'Product ' || n, 'ELECTRONIC_PATIENT_RECORD'
    from generate_series(1, ceil(bench.size('trusts') * bench.size('systems') / 10.0)::integer) n
    returning id
), built as (
    insert into build (
        tenant_ods, id, version, created_at, created_by, label, built_at, safety_relevant_change, release_notes,
        product_id, number, results_count_from
    )
    select 'SUPPLIER', uuidv7(), 1, built_at, 'bench', 'R' || number, built_at, true, 'Release ' || number, registered.id,
           number, number
    from registered, generate_series(1, 2) number,
         lateral (select bench.start() + (number * 200 - 190) * interval '1 day' as built_at) b
    returning id, product_id, number
)
select count(*) from built;

update build set supersedes_id = before.id
from build before where before.product_id = build.product_id and before.number = build.number - 1;
update product set current_build_id = build.id
from build where build.product_id = product.id and build.number = 2;
