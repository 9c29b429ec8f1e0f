"""What the clock starts."""

import dagster as dg

from core.settings import get_settings
from orchestration.defs.operations.jobs import daily
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
