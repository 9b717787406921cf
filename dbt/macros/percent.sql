{#- `part` of `whole` in per cent with two digits, half away from zero; null when there is no whole. -#}
{% macro percent(part, whole) -%}
    round(100.0 * {{ part }} / nullif({{ whole }}, 0), 2)
{%- endmacro %}
