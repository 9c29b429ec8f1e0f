"""The jobs: what is built together."""

import dagster as dg

# Runs that take in what has landed carry the newest landing_id they were started for under this tag.
LANDING_TAG = "dpp/landing_id"
# Runs inside `dpp build`: no launcher knows their process, so nobody else can tell whether it still lives.
IN_PROCESS_TAG = "dpp/in_process"

everything = dg.AssetSelection.all()
pulled = dg.AssetSelection.groups("ingest")
forecasts = dg.AssetSelection.groups("forecast")

rebuild = dg.define_asset_job(
    "rebuild",
    selection=everything - pulled,
    description="Marts and forecasts from what has arrived. With full_refresh: from the first event on.",
)
# Without the checks: they cost as much again as the tables, and every daily build runs them.
update_marts_selection = (everything - pulled - forecasts).without_checks()
update_marts = dg.define_asset_job(
    "update_marts",
    selection=update_marts_selection,
    description="The marts alone and unchecked, for events that have just arrived.",
)
pulled_sprints = dg.AssetSelection.assets(["raw_jira", "sprints"], ["raw_jira", "sprint_issues"]).materializable()
confidence = dg.AssetSelection.assets(["forecast", "sprint_confidence"])
sprints = dg.define_asset_job(
    "sprints",
    selection=update_marts_selection | pulled_sprints | confidence,
    description="Pull the sprints and who is in them, build the marts, and say how likely each sprint is to be done.",
)
daily = dg.define_asset_job(
    "daily",
    selection=everything,
    description="Pull what webhooks missed, build the marts, compute the forecasts.",
)
