{#
  Pre-hook of models that take payloads apart: PostgreSQL would keep every payload it has seen as a cache key,
  130 MB and a quarter of the time for nothing, since no payload comes twice. Holds to the end of the transaction.
#}
{% macro without_memoize() -%}
    set local enable_memoize = off
{%- endmacro %}
