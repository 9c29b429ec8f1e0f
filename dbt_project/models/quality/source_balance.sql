-- What entered against what left, by source and day, over the last days: nothing may be lost in between.
{{ config(materialized='table') }}

with deliveries as (
    select
        landing_id,
        received_at,
        source,
        event_name
    from {{ source('landing', 'raw_events') }}
    where
        received_at <= {{ as_of() }}
        and received_at > {{ as_of() }} - interval '{{ var("source_balance_days") }} days'
),

read_deliveries as (
    {%- for name in readers_of_deliveries() %}
    select landing_id
    from {{ ref(name) }}
    where
        landing_id is not null
        and received_at > {{ as_of() }} - interval '{{ var("source_balance_days") }} days'
    {{- '\n    union' if not loop.last }}
    {%- endfor %}
),

dead_letters as (
    select distinct landing_id
    from {{ source('landing', 'dead_letters') }}
),

compared as (
    select
        deliveries.landing_id,
        deliveries.received_at,
        deliveries.source,
        deliveries.source || ': ' || deliveries.event_name as kind,
        read_deliveries.landing_id is not null as is_read,
        dead_letters.landing_id is not null as is_dead
    from deliveries
    left join read_deliveries on deliveries.landing_id = read_deliveries.landing_id
    left join dead_letters on deliveries.landing_id = dead_letters.landing_id
),

-- Payloads are large: only those that nobody read are looked into.
actions as (
    select
        compared.landing_id,
        compared.kind || ': ' || coalesce(
            inbox.payload #>> '{deployment_status,state}',
            inbox.payload ->> 'action',
            ''
        ) as kind_and_action
    from compared
    inner join {{ source('landing', 'raw_events') }} as inbox
        on compared.landing_id = inbox.landing_id and compared.received_at = inbox.received_at
    where not compared.is_read and not compared.is_dead
),

-- What came within the last minutes may have come after the models had looked.
judged as (
    select
        compared.source,
        {{ local_date('compared.received_at') }} as balance_date,
        case
            when compared.is_read then 'read'
            when compared.is_dead then 'dead'
            when
                array[compared.kind, actions.kind_and_action]
                && array['{{ deliveries_without_a_row().strip().split("\n") | map("trim") | join("', '") }}']
                then 'silent'
            when compared.received_at > {{ as_of() }} - interval '5 minutes' then 'waiting'
            else 'lost'
        end as fate
    from compared
    left join actions on compared.landing_id = actions.landing_id
),

delivered as (
    select
        source,
        balance_date,
        count(*) as entered,
        count(*) filter (where fate = 'read') as understood,
        count(*) filter (where fate = 'dead') as dead_letters,
        count(*) filter (where fate = 'silent') as silent,
        count(*) filter (where fate = 'waiting') as waiting,
        count(*) filter (where fate = 'lost') as lost
    from judged
    group by source, balance_date
),

-- Counted by load: a fetched row that was not read is missing from the load that brought it.
fetched_loads as (
    {%- for pair in readers_of_fetched_tables().strip().split('\n') %}
    {%- set table, reader = pair.split() %}
    {%- set schema, name = table.split('.') %}
    select
        '{{ schema | replace("raw_", "") }}' as source,
        raw._dlt_load_id,
        raw.entered,
        coalesce(staged.understood, 0) as understood,
        0 as silent
    from (
        select _dlt_load_id, count(*) as entered
        from {{ source(schema, name) }}
        group by _dlt_load_id
    ) as raw
    left join (
        select _dlt_load_id, count(*) as understood
        from {{ ref(reader) }}
        group by _dlt_load_id
    ) as staged on raw._dlt_load_id = staged._dlt_load_id
    union all
    {%- endfor %}
    {%- for history in readers_of_fetched_histories() %}
    {%- set schema, name = history.table.split('.') %}
    -- Only of what was not read is the payload looked into.
    select
        '{{ schema | replace("raw_", "") }}' as source,
        raw._dlt_load_id,
        count(*) as entered,
        count(*) filter (where staged.thing_key is not null) as understood,
        count(*) filter (where staged.thing_key is null and {{ history.is_silent }}) as silent
    from {{ source(schema, name) }} as raw
    left join (
        select distinct
            {{ history.reader_key }} as thing_key,
            _dlt_load_id
        from {{ ref(history.reader) }}
    ) as staged on {{ history.raw_key }} = staged.thing_key and raw._dlt_load_id = staged._dlt_load_id
    group by raw._dlt_load_id
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

fetched as (
    select
        source,
        {{ local_date(load_time('_dlt_load_id')) }} as balance_date,
        sum(entered)::bigint as entered,
        sum(understood)::bigint as understood,
        sum(silent)::bigint as silent,
        sum(
            case
                when {{ load_time('_dlt_load_id') }} > {{ as_of() }} - interval '5 minutes'
                    then entered - understood - silent
            end
        ) as waiting,
        sum(entered - understood - silent) as missing
    from fetched_loads
    where {{ load_time('_dlt_load_id') }} is not null
    group by source, {{ local_date(load_time('_dlt_load_id')) }}
),

-- Each event under the source whose delivery told of it; fetched and inferred ones have no delivery.
made as (
    select source, received_at from {{ ref('work_item_events') }}
    union all
    select source, received_at from {{ ref('defect_events') }}
    union all
    select source, received_at from {{ ref('pr_events') }}
    union all
    select deliveries.source, deliveries.received_at
    from (
        select landing_id from {{ ref('cicd_events') }}
        union all
        select landing_id from {{ ref('incident_events') }}
    ) as told
    inner join deliveries on told.landing_id = deliveries.landing_id
),

events as (
    select source, {{ local_date('received_at') }} as balance_date, count(*) as events
    from made
    where
        received_at <= {{ as_of() }}
        and received_at > {{ as_of() }} - interval '{{ var("source_balance_days") }} days'
    group by source, {{ local_date('received_at') }}
),

final as (
    select
        delivered.source,
        'delivered' as channel,
        delivered.balance_date,
        delivered.entered,
        delivered.understood,
        delivered.dead_letters,
        delivered.silent,
        delivered.waiting,
        delivered.lost,
        coalesce(events.events, 0) as events
    from delivered
    left join events on delivered.source = events.source and delivered.balance_date = events.balance_date
    union all
    select
        source,
        'fetched',
        balance_date,
        entered,
        understood,
        0,
        silent,
        coalesce(waiting, 0)::bigint,
        (missing - coalesce(waiting, 0))::bigint,
        null
    from fetched
)

select * from final
