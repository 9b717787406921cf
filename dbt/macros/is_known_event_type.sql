{#- Whether the contract knows the event type; every other one is a custom event. -#}
{% macro is_known_event_type(event_type) -%}
    {{ event_type }} in ('{{ var("event_types") | join("', '") }}')
{%- endmacro %}
