{#- The Monday of a calendar day's week. -#}
{% macro week_of(day) -%}
    date_trunc('week', {{ day }}::timestamp)::date
{%- endmacro %}
