{#- For statements that are not ours to write as look-ups one by one: however many rows the planner guesses will meet, it must not
    read a table that grows for ever from end to end. A full refresh reads all of it anyway. -#}
{% macro by_index() -%}
    {% if not flags.FULL_REFRESH %}set local enable_seqscan = off; set local enable_mergejoin = off{% endif %}
{%- endmacro %}
