{% test percentages(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where not {{ columns | join(' between 0 and 100 or not ') }} between 0 and 100
{% endtest %}
