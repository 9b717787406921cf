{#- Whether sessions, funnel and actives count an event of stg_events. -#}
{% macro is_counted() -%}
    not is_future
    {%- if var('exclude_bots') %} and not is_bot{% endif %}
    {%- if not var('include_custom_events') %} and not is_custom{% endif %}
{%- endmacro %}
