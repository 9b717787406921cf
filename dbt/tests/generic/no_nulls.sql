-- One test a model reads it once for all of its columns; a test a column would cost a batch more than its models do.
{% test no_nulls(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
