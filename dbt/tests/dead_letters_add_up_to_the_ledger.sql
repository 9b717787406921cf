{{ config(tags=['whole']) }}

-- Every dead letter is in the mart, under its class.
with

mart as (

    select coalesce(sum(dead_letters), 0) as dead_letters from {{ ref('fct_dead_letters_daily') }}

),

ledger as (

    select count(*) as dead_letters from {{ ref('stg_dead_letters') }}

)

select
    mart.dead_letters as dead_letters_in_mart,
    ledger.dead_letters as dead_letters_stored
from mart
cross join ledger
where mart.dead_letters <> ledger.dead_letters
