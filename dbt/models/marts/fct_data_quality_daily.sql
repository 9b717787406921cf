with

arrivals as (

    select
        arrival_date,
        sum(events)::bigint as events,
        sum(late_events)::bigint as late_events,
        sum(future_events)::bigint as future_events,
        sum(bot_events)::bigint as bot_events,
        sum(custom_events)::bigint as custom_events,
        sum(step_mismatches)::bigint as step_mismatches,
        sum(untrusted_clock_events)::bigint as untrusted_clock_events,
        max(newest_kafka_timestamp) as newest_kafka_timestamp
    from {{ ref('int_arrivals') }}
    group by 1

),

commits as (

    select
        {{ reporting_date('committed_at') }} as arrival_date,
        sum(records_read)::bigint as records_read,
        sum(duplicates)::bigint as duplicates,
        sum(conflicts)::bigint as conflicts,
        sum(dead_letters)::bigint as dead_letters
    from {{ ref('stg_batches') }}
    group by 1

),

joined as (

    select
        coalesce(arrivals.arrival_date, commits.arrival_date) as arrival_date,
        coalesce(arrivals.events, 0) as events,
        coalesce(arrivals.late_events, 0) as late_events,
        {{ percent('arrivals.late_events', 'arrivals.events') }}::numeric(5, 2) as late_share,
        coalesce(arrivals.future_events, 0) as future_events,
        coalesce(arrivals.bot_events, 0) as bot_events,
        coalesce(arrivals.custom_events, 0) as custom_events,
        coalesce(arrivals.step_mismatches, 0) as step_mismatches,
        coalesce(arrivals.untrusted_clock_events, 0) as untrusted_clock_events,
        coalesce(commits.records_read, 0) as records_read,
        coalesce(commits.duplicates, 0) as duplicates,
        coalesce(commits.conflicts, 0) as conflicts,
        coalesce(commits.dead_letters, 0) as dead_letters,
        arrivals.newest_kafka_timestamp
    from arrivals
    full outer join commits on arrivals.arrival_date = commits.arrival_date

)

select
    arrival_date,
    events,
    late_events,
    late_share,
    coalesce(late_share > 5, false) as late_share_is_high,
    future_events,
    bot_events,
    custom_events,
    step_mismatches,
    untrusted_clock_events,
    records_read,
    duplicates,
    conflicts,
    dead_letters,
    newest_kafka_timestamp
from joined
