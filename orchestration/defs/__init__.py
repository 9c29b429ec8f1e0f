"""Assets, jobs, schedules and sensors. `orchestration.definitions` finds whatever stands in these folders.

A folder is a step of the way and gives its assets their group. Dagster reads the annotations of functions as
objects, so no module here postpones them (`from __future__ import annotations`).
"""
