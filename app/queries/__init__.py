"""One module for each question that a person or a program asks of the marts.

In: a SQLAlchemy connection and a stream that `streams.select_stream` has resolved. Out: typed values
(`values`), each with its unit, window, sample size and, where there is none, the reason.
The only SQL outside dbt; it reads marts, forecasts and configuration, and writes nothing.
"""
