"""What it means: the dbt project's models as assets, its tests as checks."""
