"""Sources: one folder for each system that data is pulled from.

In: a vendor's API, a clone, a recorded folder. Out: Arrow tables in the shapes of `tables`, already
pseudonymised. A source knows neither the database nor the load policy: that is `ingestion.pipelines`.
"""
