"""How data gets in: webhooks, pushes and pulls. Knows neither Dagster nor dbt."""
