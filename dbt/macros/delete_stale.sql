{#- What an incremental model does before it inserts, in the same transaction: it deletes the rows that `condition` names,
    as these are made anew. In a full refresh there is nothing to delete. With `using`, the condition is one between a row
    `touched` of that relation and a row `stale`; the rows are then looked up for one touched row after the other, by an index:
    `offset 0` keeps the planner from turning that into a join which reads all of a table that grows for ever. -#}
{% macro delete_stale(condition, using=none) -%}
    {% if is_incremental() and using -%}
    delete from {{ this }}
    where
        ctid = any(array(
            select stale.row_id
            from {{ using }} as touched
            cross join lateral (
                select stale.ctid as row_id
                from {{ this }} as stale
                where {{ condition }}
                offset 0
            ) as stale
        ))
    {%- elif is_incremental() -%}
    delete from {{ this }} as stale
    where {{ condition }}
    {%- endif %}
{%- endmacro %}
