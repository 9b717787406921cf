{#- The funnel step that an event type stands for, null for those outside the funnel. -#}
{% macro event_type_step(event_type) -%}
    case {{ event_type }}
        {%- for name in var("funnel") %}
        when '{{ name }}' then {{ loop.index0 }}
        {%- endfor %}
    end
{%- endmacro %}
