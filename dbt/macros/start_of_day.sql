{#- The instant at which a calendar day of the reporting time zone begins. -#}
{% macro start_of_day(day) -%}
    ({{ day }}::timestamp at time zone '{{ var("time_zone") }}')
{%- endmacro %}
