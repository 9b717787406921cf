{#- Rows of `relation` that meet the condition, as `alias`, for one row of what stands before it after the other. `offset 0` keeps
    the planner from turning the look-ups into a join that reads all of a table that grows for ever. -#}
{% macro looked_up(relation, alias, condition) -%}
    cross join lateral (
        select {{ alias }}.*
        from {{ relation }} as {{ alias }}
        where {{ condition }}
        offset 0
    ) as {{ alias }}
{%- endmacro %}
