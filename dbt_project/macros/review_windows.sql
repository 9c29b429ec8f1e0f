{# The windows of reviewer_concentration to which a day may belong: name, first and last day. It does from the first one on. #}
{% macro windows_of_a_day(day) %}
        values
        ('30d', {{ local_date(as_of()) }} - 29, {{ local_date(as_of()) }}),
        ('90d', {{ local_date(as_of()) }} - 89, {{ local_date(as_of()) }}),
        (
            'month',
            date_trunc('month', {{ day }})::date,
            (date_trunc('month', {{ day }}) + interval '1 month')::date - 1
        )
{%- endmacro %}
