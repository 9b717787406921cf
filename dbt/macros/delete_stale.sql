{#- What an incremental model does before it inserts, in the same transaction: it deletes the rows that `condition` names,
    as these are made anew. `using` names a relation that the condition calls `touched`. In a full refresh there is nothing
    to delete. -#}
{% macro delete_stale(condition, using=none) -%}
    {% if is_incremental() -%}
    delete from {{ this }} as stale {% if using %}using {{ using }} as touched {% endif %}where {{ condition }}
    {%- endif %}
{%- endmacro %}
