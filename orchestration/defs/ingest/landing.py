"""The landing as an asset that others fill: the sink writes it, Dagster only hears of it."""

import dagster as dg

LANDING = dg.AssetKey(["landing", "raw_events"])
DEAD_LETTERS = dg.AssetKey(["landing", "dead_letters"])

raw_events = dg.AssetSpec(
    LANDING,
    description=(
        "One row per delivery that the front door has taken: webhooks of GitHub and Jira, pushed deployments, "
        "incidents and survey answers. Append-only; the sensor `new_events` reports what arrives."
    ),
    kinds={"postgres", "webhook"},
)

dead_letters = dg.AssetSpec(
    DEAD_LETTERS,
    deps=[LANDING],
    description="One row per delivery that is stored and that no model reads, with the reason.",
    kinds={"postgres"},
)
