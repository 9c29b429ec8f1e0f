{# A flag of this text stops the work; one without a text that we know as such only asks for attention. #}
{% macro is_impediment(flag) -%}
    ({{ flag }} = '' or {{ flag }} ~* 'impediment|block|hinder|stop|wait|hold|depend')
{%- endmacro %}
