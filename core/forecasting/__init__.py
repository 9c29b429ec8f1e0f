"""When will it be done, how sure is that, and how often was it right? Pure functions on numpy arrays.

`sampling` holds the model of 004 §6.5, simulated and exact; `delivery` the forecast of a stream; `sprint` the
confidence of a sprint; `what_if` the answers to other questions of the same model; `calibration` how past forecasts
did; `stability` whether a stream's past is a guide at all. None of them knows a database or a clock.
"""

from core.forecasting.delivery import Forecast, forecast_delivery, week_end
from core.forecasting.sampling import (
    HORIZON_WEEKS,
    PERCENTILES,
    exact_distribution,
    percentile_weeks,
    simulate,
)

__all__ = [
    "HORIZON_WEEKS",
    "PERCENTILES",
    "Forecast",
    "exact_distribution",
    "forecast_delivery",
    "percentile_weeks",
    "simulate",
    "week_end",
]
