{#- The calendar day of an instant in the reporting time zone, whatever the session's time zone is. -#}
{% macro reporting_date(instant) -%}
    ({{ instant }} at time zone '{{ var("time_zone") }}')::date
{%- endmacro %}
