{#- A value as the marts group by it: events without one share one group. -#}
{% macro shown(value) -%}
    coalesce({{ value }}, '(none)')
{%- endmacro %}
