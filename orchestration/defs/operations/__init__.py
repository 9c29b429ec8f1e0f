"""When it runs: jobs, schedules, sensors, and the tidying up after them."""
