{#- The host of a URL in lower case, without user, port and path; null if it names none. -#}
{% macro host_of(url) -%}
    lower(substring({{ url }} from '^[[:alpha:]][[:alnum:]+.-]*://(?:[^/?#@]*@)?([^/?#:]+)'))
{%- endmacro %}
