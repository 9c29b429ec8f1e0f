"""What the clock starts."""

from functools import partial

import dagster as dg

from core.settings import get_settings
from orchestration.defs.operations.jobs import daily, sprints
from orchestration.defs.operations.reconciliation import reconcile
from orchestration.defs.operations.retention import tidy

# All of them run from the start, in the organisation's time zone.
scheduled = partial(
    dg.ScheduleDefinition,
    execution_timezone=get_settings().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

every_day = scheduled(
    name="every_day",
    job=daily,
    # After midnight, when the day before is whole, and before anybody looks.
    cron_schedule="0 5 * * *",
    description="Sources, marts and forecasts, every morning in the organisation's time zone.",
)

every_week = scheduled(
    name="every_week",
    job=tidy,
    cron_schedule="30 3 * * 0",
    description="Thins Dagster's own history of runs.",
)

every_two_hours = scheduled(
    name="every_two_hours",
    job=sprints,
    cron_schedule="15 */2 * * *",
    description="The state of the active sprints (004 §5.2.6) and the confidence in them (§6.2.2).",
)

every_night = scheduled(
    name="every_night",
    job=reconcile,
    # Before the daily build, which takes in what is found.
    cron_schedule="30 2 * * *",
    description="What webhooks missed, and what vendors deleted, moved or renamed.",
)
