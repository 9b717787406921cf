with

dead_letters as (

    select
        {{ reporting_date('first_seen_at') }} as first_seen_date,
        class
    from {{ ref('stg_dead_letters') }}

)

select
    first_seen_date,
    class,
    count(*) as dead_letters
from dead_letters
group by first_seen_date, class
