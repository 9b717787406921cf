{#- For small sets of keys that are looked up in tables that grow for ever: however many rows the planner guesses will meet, it
    must not read such a table from end to end. A full refresh reads all of it anyway. -#}
{% macro by_index() -%}
    {% if not flags.FULL_REFRESH %}set local enable_seqscan = off{% endif %}
{%- endmacro %}
