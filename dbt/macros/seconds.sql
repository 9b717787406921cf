{#- A number of seconds, fractions allowed, as an interval. -#}
{% macro seconds(count) -%}
    make_interval(secs => {{ count }})
{%- endmacro %}
