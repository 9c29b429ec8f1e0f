"""What the clock starts."""

import dagster as dg

from core.settings import get_settings
from orchestration.defs.operations.jobs import daily, sprints
from orchestration.defs.operations.reconciliation import reconcile
from orchestration.defs.operations.retention import tidy

every_day = dg.ScheduleDefinition(
    name="every_day",
    job=daily,
    # After midnight, when the day before is whole, and before anybody looks.
    cron_schedule="0 5 * * *",
    execution_timezone=get_settings().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sources, marts and forecasts, every morning in the organisation's time zone.",
)

every_week = dg.ScheduleDefinition(
    name="every_week",
    job=tidy,
    cron_schedule="30 3 * * 0",
    execution_timezone=get_settings().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Thins Dagster's own history of runs.",
)

every_two_hours = dg.ScheduleDefinition(
    name="every_two_hours",
    job=sprints,
    cron_schedule="15 */2 * * *",
    execution_timezone=get_settings().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The state of the active sprints (004 §5.2.6) and the confidence in them (§6.2.2).",
)

every_night = dg.ScheduleDefinition(
    name="every_night",
    job=reconcile,
    # Before the daily build, which takes in what is found.
    cron_schedule="30 2 * * *",
    execution_timezone=get_settings().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="What webhooks missed, and what vendors deleted, moved or renamed.",
)
