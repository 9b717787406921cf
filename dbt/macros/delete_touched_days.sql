{#- The same for a mart with a column that is a day: the days on which this run has changed something. -#}
{% macro delete_touched_days(column) -%}
    {{ delete_stale("stale." ~ column ~ " = touched.activity_date", using=ref('int_touched_days')) }}
{%- endmacro %}
