"""The pages of the dashboard: each shows answers of `app.queries` and computes none."""
