{#- A page as the marts group by it: events that name none share one group. -#}
{% macro shown_page(page) -%}
    coalesce({{ page }}, '(no page)')
{%- endmacro %}
