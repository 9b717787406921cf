{% test between_0_and_100(model, column_name) %}
select {{ column_name }}
from {{ model }}
where not {{ column_name }} between 0 and 100
{% endtest %}
