"""New events in the marts within seconds: a process that stays, beside Dagster's runs, which take tens of seconds.

In: what the sink, the sources and the administrators write. Out: the same rows as a dbt build gives, of the models
that are affected and no others; their materialisations told to Dagster. dbt's own way costs more in Python than a few
rows cost in the database, so dbt writes the statements once (`plan`), and they are run again as often as something
arrives (`build`). The worker and the runs take turns (`build_lock`); while no worker lives, Dagster's sensor does
its work.
"""
