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
update_marts = dg.define_asset_job(
    "update_marts",
    # Without the checks: they cost as much again as the tables, and every daily build runs them.
    selection=(everything - pulled - forecasts).without_checks(),
    description="The marts alone and unchecked, for events that have just arrived.",
)
daily = dg.define_asset_job(
    "daily",
    selection=everything,
    description="Pull what webhooks missed, build the marts, compute the forecasts.",
)
