"""The parts of the page that are plain HTML: cards, findings, empty states, tables of forecasts.

In: the typed values of `app.queries`. Out: HTML text in which everything that comes from data is escaped.
One HTML element costs the server and the browser far less than the dozens of widgets that it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from html import escape

from app.dashboard import wording
from app.queries.values import CatalogueEntry, Forecast, MetricValue, State, WorkInProgress
from app.queries.what_if import Chances

LOW_CONFIDENCE = '<span class="low">Low confidence</span>'
COLOURS = frozenset({"green", "yellow", "orange", "red"})


def masthead(title: str, window_days: int, as_of: datetime | None, now: datetime, timezone: str, note: str = "") -> str:
    """The page's title, its period and how fresh it is."""
    freshness = ""
    if as_of is not None:
        stale = ' class="stale"' if wording.is_stale(as_of, now) else ""
        shown = f"{wording.moment(as_of, timezone)} ({wording.age(as_of, now)})"
        freshness = f"<p{stale}>Data as of {escape(shown)}</p>"
    period = escape(wording.window_name(window_days).capitalize())
    about = f'<p class="quiet">{escape(note)}</p>' if note else ""
    return f'<header class="masthead"><div><h1>{escape(title)}</h1><p>{period}</p></div>{freshness}</header>{about}'


def answer(first: str, then: str = "") -> str:
    """The finding that comes first, and the reason."""
    reason = f"<p>{escape(then)}</p>" if then else ""
    return f'<div class="answer"><p><strong>{escape(first)}</strong></p>{reason}</div>'


def zone(title: str, note: str = "") -> str:
    """The heading of a zone."""
    return f'<div class="zone"><h2>{escape(title)}</h2>{f"<p>{escape(note)}</p>" if note else ""}</div>'


def finding(title: str, sentence: str, is_low_confidence: bool = False) -> str:
    """The heading of a chart and what it says."""
    low = f" {LOW_CONFIDENCE}" if is_low_confidence else ""
    return f'<div class="finding"><h3>{escape(title)}{low}</h3><p>{escape(sentence)}</p></div>'


def empty(state: State) -> str:
    """Why there is nothing to see, and how to mend it."""
    remedy = f"<p>{escape(state.remedy)}</p>" if state.remedy else ""
    return (
        f'<div class="empty" role="status"><p><strong>{escape(state.message or "No data")}</strong></p>{remedy}</div>'
    )


def health_bar(cards: Sequence[str]) -> str:
    """The cards side by side."""
    return f'<section class="health" aria-label="Stream health">{"".join(cards)}</section>'


def metric_card(metric: MetricValue, entry: CatalogueEntry | None, whose: str = "") -> str:
    """One metric: value, tier, trend, sample, doubts and definition."""
    title = entry.display_name if entry else metric.metric_name.replace("_", " ").capitalize()
    return _card(
        metric.metric_name,
        title,
        "" if metric.value is None else repr(metric.value),
        [
            _figure(metric),
            _trend(metric, entry) if metric.value is not None else _nothing(metric),
            _doubt(metric),
            _basis(metric, whose),
        ],
        _definition(entry),
    )


def wip_card(wip: WorkInProgress) -> str:
    """How much is in the pipeline now; a count, so it has no window, no trend and no tier."""
    waiting = sum(stage.waiting_count for stage in wip.stages)
    figure = wording.figure(wip.total, "count")
    parts = [
        f'<div class="figure"><span class="value">{_value(figure)}</span></div>',
        f'<div class="trend">{waiting:,} of them waiting</div>',
        '<div class="doubt"></div>',
        f'<div class="basis">{wip.backlog_count:,} more in the backlog<br>Now</div>',
    ]
    return _card("wip", "Work in progress", str(wip.total), parts, "")


def forecast_dates(one: Forecast | Chances) -> str:
    """The four dates of a forecast, the one to plan with marked."""
    dates = ((50, one.p50), (70, one.p70), (85, one.p85), (95, one.p95))
    parts = [
        f'<div class="{"advised" if percentile == 85 else ""}"><dt>{percentile} % chance by</dt>'
        f"<dd>{_date(found)}</dd></div>"
        for percentile, found in dates
    ]
    return f'<dl class="dates">{"".join(parts)}</dl>'


def forecast_table(forecasts: Sequence[Forecast]) -> str:
    """One row for each delivery stream."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Delivery stream", "Left", "50 % by", "85 % by"))
    rows = "".join(_forecast_row(one) for one in forecasts)
    table = f'<table class="forecasts"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def brand() -> str:
    """The product's mark and name."""
    return '<div class="brand">Delivery Performance</div>'


def account(display_name: str, sign_out_path: str) -> str:
    """Who is signed in, and the way out: a form, since signing out changes something."""
    return (
        f'<div class="account"><span title="{escape(display_name, quote=True)}">{escape(display_name)}</span>'
        f'<form method="post" action="{sign_out_path}"><button type="submit">Sign out</button></form></div>'
    )


def _card(name: str, title: str, value: str, parts: Sequence[str], definition: str) -> str:
    return (
        f'<article class="card" data-metric="{escape(name, quote=True)}" data-value="{escape(value, quote=True)}">'
        f"<h3>{escape(title)}</h3>{''.join(parts)}{definition}</article>"
    )


def _figure(metric: MetricValue) -> str:
    tier = ""
    if metric.performance_tier and metric.tier_colour in COLOURS:
        edition = escape(f"Tier of {metric.tier_edition}" if metric.tier_edition else "Tier", quote=True)
        tier = f'<span class="tier {metric.tier_colour}" title="{edition}">{escape(metric.performance_tier)}</span>'
    shown = wording.figure(metric.value, metric.unit)
    return f'<div class="figure"><span class="value">{_value(shown)}</span>{tier}</div>'


def _value(shown: wording.Figure) -> str:
    unit = f' <span class="unit">{escape(shown.unit)}</span>' if shown.unit else ""
    return escape(shown.number) + unit


def _trend(metric: MetricValue, entry: CatalogueEntry | None) -> str:
    found = wording.trend(metric, entry)
    if found is None:
        return '<div class="trend">No earlier window to compare</div>'
    before = f"vs previous {metric.window_days} days"
    change = f"{found.arrow} {escape(found.amount)}"
    if found.verdict:
        change = f'<span class="{found.verdict}">{change} {found.verdict}</span>'
    return f'<div class="trend">{change} {before}</div>'


def _nothing(metric: MetricValue) -> str:
    return f'<div class="nothing">{escape(metric.error_message or "No data in this window.")}</div>'


def _doubt(metric: MetricValue) -> str:
    if not metric.is_low_confidence:
        # The empty row keeps the cards of one line aligned.
        return '<div class="doubt"></div>'
    reason = metric.confidence_reason or "the data behind it is incomplete"
    return f'<div class="doubt"><strong>Reduced confidence:</strong> {escape(reason)}</div>'


def _basis(metric: MetricValue, whose: str) -> str:
    words = " · ".join(part for part in (wording.window_name(metric.window_days).capitalize(), whose) if part)
    shown = f"{wording.basis(metric)}<br>{escape(words)}" if metric.value is not None else escape(words)
    return f'<div class="basis">{shown}</div>'


def _definition(entry: CatalogueEntry | None) -> str:
    if entry is None:
        return ""
    label = escape(f"What is {entry.display_name}?", quote=True)
    parts = (entry.question, f"Computed as: {entry.formula}", entry.behavioural_intent)
    body = "".join(f"<p>{escape(part)}</p>" for part in parts if part)
    return f'<details><summary aria-label="{label}">?</summary><div>{body}</div></details>'


def _date(value: date | None) -> str:
    return wording.day(value) if value else wording.NO_VALUE


def _forecast_row(one: Forecast) -> str:
    low = f" {LOW_CONFIDENCE}" if one.method == "linear" else ""
    row = (
        f'<tr class="{"noted" if one.note else ""}"><th scope="row">{escape(one.stream_name)}{low}</th>'
        f'<td class="figure">{one.scope_item_count:,}</td>'
        f'<td class="figure">{_date(one.p50)}</td><td class="figure">{_date(one.p85)}</td></tr>'
    )
    if not one.note:
        return row
    return row + f'<tr class="note"><td colspan="4">{escape(wording.forecast_note(one.note))}</td></tr>'
