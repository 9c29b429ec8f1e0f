"""The filters of specification 004 §7.2, kept in the address bar so that a view can be bookmarked and shared.

In: the streams to choose from. Out: `Filters`, what the reader chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.queries.values import ALL_STREAMS, DEFAULT_WINDOW, WINDOWS, Selection, Stream

REAL_TIME, TRENDS, FORECAST = "Real-time", "Trends", "Forecast"
ZONES = (REAL_TIME, TRENDS, FORECAST)
ALL = "All"


@dataclass(frozen=True)
class Filters:
    """What the reader chose.

    The marts hold numbers by delivery stream or by technology stream, not for each pair. With both chosen,
    work items are the delivery stream's (`flow`) and deployments the technology stream's (`dora`).
    """

    flow: Selection
    dora: Selection
    window_days: int
    zones: tuple[str, ...]

    @property
    def is_mixed(self) -> bool:
        """Whether two streams share the page."""
        return self.flow != self.dora


def show_filters(delivery_streams: Sequence[Stream], tech_streams: Sequence[Stream]) -> Filters:
    """Draw the filters where the caller is drawing, and tell what they say."""
    delivery = _stream_box("Delivery stream", "stream", delivery_streams)
    tech = _stream_box("Technology stream", "tech", tech_streams)
    periods = {f"{days}d": days for days in WINDOWS}
    period = st.segmented_control(
        "Time range",
        list(periods),
        default=f"{DEFAULT_WINDOW}d",
        required=True,
        key="range",
        bind="query-params",
        help="Moves trends and diagnostics. Work in progress is always now, cycle time always the last 30 days.",
        width="stretch",
    )
    zones = st.pills(
        "Zones", ZONES, selection_mode="multi", default=list(ZONES), key="zones", bind="query-params", width="stretch"
    )
    return Filters(
        flow=delivery or tech or ALL_STREAMS,
        dora=tech or delivery or ALL_STREAMS,
        window_days=periods.get(period or "", DEFAULT_WINDOW),
        zones=tuple(zones),
    )


def _stream_box(label: str, key: str, streams: Sequence[Stream]) -> Selection | None:
    by_name = {stream.display_name: stream for stream in streams}
    chosen = st.selectbox(label, [ALL, *by_name], key=key, bind="query-params")
    stream = by_name.get(chosen)
    return Selection(stream.stream_type, stream.stream_id, stream.name, stream.display_name) if stream else None
