"""How data gets in, as Dagster sees it: the landing that the sink fills, and the sources that dlt pulls."""
