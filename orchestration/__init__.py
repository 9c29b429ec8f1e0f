"""When does it run? Dagster's definitions, the `dpp` command and what keeps processes alive.

Imports the other packages; none of them imports this one.
"""
