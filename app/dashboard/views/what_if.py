"""The what-if control beside the forecast: another scope, other weeks to draw from, time off, a day to be done by.

In: the stream that the page is about and the build. Out: widgets, and the answer once something is changed.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import streamlit as st

from app.dashboard import data, markup, wording
from app.queries.values import Selection
from app.queries.what_if import Plan, UnanswerablePlan, WhatIf
from core.forecasting.what_if import WINDOWS

MOST_CHANGE = 10_000


def show_what_if(selection: Selection, built: datetime | None) -> None:
    """The control, closed at first; unchanged it asks nothing, since its answer would be the forecast above."""
    with st.expander("What if?"):
        plan = _asked(is_all=selection.stream_type == "all")
        if plan == Plan():
            st.caption("Change something to see what it would do. All answers are exact.")
            return
        try:
            answer = data.what_if(selection, plan, built)
        except UnanswerablePlan as error:
            st.warning(str(error))
            return
        _show(answer)


def _asked(*, is_all: bool) -> Plan:
    change, window, away, by = st.columns(4)
    return Plan(
        scope_change=int(
            change.number_input(
                "Items more or fewer",
                -MOST_CHANGE,
                MOST_CHANGE,
                0,
                disabled=is_all,
                help="Choose one stream to change its scope." if is_all else None,
                key="what_if_change",
            )
        ),
        window_weeks=int(
            window.selectbox("Weeks to draw from", WINDOWS, index=WINDOWS.index(12), key="what_if_window")
        ),
        weeks_off=weeks_between(away.date_input("Nobody works from, to", value=(), key="what_if_away")),
        by=by.date_input("How many by", value=None, key="what_if_by"),
    )


def weeks_between(chosen: object) -> tuple[date, ...]:
    """A day of each week from the first to the last chosen day; none until both are chosen."""
    if not isinstance(chosen, tuple) or len(chosen) != 2:
        return ()
    first, last = chosen
    weeks = (last - first).days // 7 + 1
    return tuple(dict.fromkeys([*(first + timedelta(weeks=week) for week in range(weeks)), last]))


def _show(answer: WhatIf) -> None:
    if not answer.state.is_success:
        st.html(markup.empty(answer.state))
        return
    if len(answer.streams) > 1:
        st.html(markup.finding("All of them done", wording.together(answer)))
        if answer.together:
            st.html(markup.forecast_dates(answer.together))
    for one in answer.streams:
        st.html(markup.finding(one.stream_name, wording.what_if(one)))
        if one.done and len(answer.streams) == 1:
            st.html(markup.forecast_dates(one.done))
