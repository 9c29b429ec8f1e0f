"""The API: every answer in one envelope, every metric in the value contract, and no number without a key."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from app.api import create_api, install_error_handlers
from app.auth.sessions import COOKIE
from core.api_keys import create_key
from core.database import database_url, make_engine
from core.settings import Settings
from tests.app import hand_made_marts as marts
from tests.app.conftest import EMAIL, PASSWORD, Company, compose
from tests.conftest import serving

PATHS = (
    "/api/v1/metrics/realtime",
    "/api/v1/metrics/trends",
    "/api/v1/metrics/forecast",
    "/api/v1/forecast/what-if",
    "/api/v1/streams/delivery",
    "/api/v1/streams/tech",
)


@pytest.fixture
def reader(web: httpx.Client, clean_database: Engine) -> httpx.Client:
    """A program with a key that may read."""
    with clean_database.begin() as connection:
        _, key = create_key(connection, "the reporting job", ["metrics:read"])
    web.headers["authorization"] = f"Bearer {key}"
    return web


def data_of(client: httpx.Client, path: str, **parameters: str | int) -> tuple[Any, dict[str, Any]]:
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"status", "data", "meta"}
    assert body["status"] == "ok"
    return body["data"], body["meta"]


def error_of(client: httpx.Client, method: str, path: str, status: int, **options: Any) -> dict[str, Any]:
    answer = client.request(method, path, **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"status", "error"}
    assert body["status"] == "error"
    assert body["error"]["code"]
    assert body["error"]["message"]
    return body["error"]


def test_realtime_tells_work_in_progress_its_bottleneck_and_cycle_times(reader: httpx.Client, company: Company) -> None:
    data, meta = data_of(reader, "/api/v1/metrics/realtime", stream="payments")
    assert meta == {
        "stream_type": "delivery",
        "stream_id": str(company.payments),
        "stream_name": "Payments",
        "window_days": 30,
        "computed_at": "2026-03-02T09:30:00+00:00",
    }
    wip = data["wip_by_stage"]
    assert (wip["total"], wip["backlog_count"]) == (15, 20)
    assert {stage["stage"]: stage["item_count"] for stage in wip["stages"]} == {
        "ba": 0,
        "dev": 5,
        "code_review": 0,
        "qa": 10,
        "uat": 0,
    }
    assert (wip["bottleneck"]["stage"], wip["bottleneck"]["waiting_count"]) == ("qa", 8)
    assert data["cycle_time"]["items"]["ticket_id"][:2] == ["PAY-1", "PAY-2"]
    assert len(data["cycle_time"]["items"]["cycle_time_days"]) == 10
    assert (data["cycle_time"]["p85"], data["cycle_time"]["excluded_issue_count"]) == (8.65, 1)


def test_every_metric_comes_in_the_value_contract(reader: httpx.Client, company: Company) -> None:
    data, _ = data_of(reader, "/api/v1/metrics/trends", stream="Payments")
    metrics = {metric["metric_name"]: metric for metric in data["metrics"]}
    assert metrics["deployment_frequency"] == {
        "metric_name": "deployment_frequency",
        "display_name": "Deployment frequency",
        "metric_type": "dora",
        "percentile": None,
        "segment": None,
        "value": 4.2,
        "unit": "per_week",
        "performance_tier": "High",
        "performance_tier_color": "yellow",
        "tier_edition": "DORA 2024",
        "time_period_start": "2026-02-01T00:00:00+00:00",
        "time_period_end": "2026-03-02T09:30:00+00:00",
        "error_state": "success",
        "error_message": None,
        "sample_size": 40,
        "excluded_issue_count": 0,
        "total_issue_count": 40,
        "is_low_confidence": False,
        "confidence_reason": None,
        "details": {"previous_value": None, "trend_direction": None, "trend_percentage": None},
    }
    assert metrics["lead_time_p50"]["is_low_confidence"]
    assert "83 %" in metrics["lead_time_p50"]["confidence_reason"]
    nothing = metrics["ttr_median"]
    assert (nothing["value"], nothing["error_state"], nothing["error_message"]) == (None, "no_data", "No outage ended.")


def test_the_api_gives_the_marts_number_to_the_last_digit(reader: httpx.Client, company: Company) -> None:
    data, _ = data_of(reader, "/api/v1/metrics/trends", stream="payments")
    given = next(metric["value"] for metric in data["metrics"] if metric["metric_name"] == "lead_time_p50")
    assert given == 30.123456789


def test_trends_are_columns_of_equal_length_and_a_day_without_data_is_null(
    reader: httpx.Client, company: Company
) -> None:
    data, meta = data_of(reader, "/api/v1/metrics/trends", stream="core-api", window=7)
    assert (meta["stream_type"], meta["window_days"], meta["days"]) == ("tech", 7, 42)
    series = {one["metric_name"]: one for one in data["series"]}
    frequency = series["deployment_frequency"]
    assert len(frequency["dates"]) == len(frequency["values"]) == len(frequency["sample_sizes"]) == 40
    assert (frequency["dates"][0], frequency["dates"][-1]) == ("2026-01-22", "2026-03-02")
    assert frequency["values"][10] is None
    assert frequency["sample_sizes"][10] == 0
    assert math.isclose(frequency["values"][-1], 4.2)


def test_days_shortens_the_series(reader: httpx.Client, company: Company) -> None:
    data, _ = data_of(reader, "/api/v1/metrics/trends", stream="core-api", days=5)
    assert {len(one["dates"]) for one in data["series"]} == {5}


@pytest.mark.parametrize("name", ["payments", "Payments", "PAYMENTS", "id"])
def test_a_stream_is_known_by_id_name_and_display_name(reader: httpx.Client, company: Company, name: str) -> None:
    wanted = str(company.payments) if name == "id" else name
    _, meta = data_of(reader, "/api/v1/metrics/realtime", stream=wanted)
    assert meta["stream_id"] == str(company.payments)


@pytest.mark.parametrize("parameters", [{}, {"stream": ""}, {"stream": "all"}])
def test_without_a_stream_all_streams_are_meant(
    reader: httpx.Client, company: Company, parameters: dict[str, str]
) -> None:
    data, meta = data_of(reader, "/api/v1/metrics/realtime", **parameters)
    assert (meta["stream_type"], meta["stream_id"]) == ("all", "00000000-0000-0000-0000-000000000000")
    assert data["wip_by_stage"]["total"] == 15


def test_a_name_that_two_streams_share_needs_the_id(reader: httpx.Client, company: Company) -> None:
    with company.engine.begin() as connection:
        marts.add_tech_stream(connection, "payments", "Payments")
    assert error_of(reader, "GET", "/api/v1/metrics/realtime?stream=payments", 422)["code"] == "ambiguous_stream"


@pytest.mark.parametrize(
    "stream", ["nonsense", "8c1f4f0e-31a5-4a7c-9a52-5a1d6c1c2b7e", "payments'; drop table auth.users; --"]
)
def test_an_unknown_stream_is_not_found(reader: httpx.Client, company: Company, stream: str) -> None:
    error = error_of(reader, "GET", "/api/v1/metrics/realtime", 404, params={"stream": stream})
    assert error["code"] == "unknown_stream"


def test_the_lists_of_streams(reader: httpx.Client, company: Company) -> None:
    with company.engine.begin() as connection:
        connection.execute(text("update config.delivery_streams set is_active = false where name = 'lending'"))
    delivery, meta = data_of(reader, "/api/v1/streams/delivery")
    assert ([one["name"] for one in delivery], meta) == (["payments"], {"stream_type": "delivery", "count": 1})
    tech, _ = data_of(reader, "/api/v1/streams/tech")
    assert [(one["stream_id"], one["github_org"]) for one in tech] == [(str(company.core_api), "core-api")]


def test_the_newest_forecast_of_a_stream(reader: httpx.Client, company: Company) -> None:
    with company.engine.begin() as connection:
        marts.add_forecast(connection, company.payments, marts.TODAY - timedelta(days=1), p85=marts.TODAY)
        marts.add_forecast(connection, company.payments, marts.TODAY, p85=marts.TODAY + timedelta(days=21))
    data, _ = data_of(reader, "/api/v1/metrics/forecast", stream="payments")
    assert data["state"]["error_state"] == "success"
    (forecast,) = data["forecasts"]
    assert forecast["p85_completion_date"] == "2026-03-23"
    assert forecast["distribution"]["done_by_then"] == [0.5, 1.0]
    assert not forecast["is_low_confidence"]


def test_a_forecast_carries_how_its_predecessors_did(reader: httpx.Client, company: Company) -> None:
    with company.engine.begin() as connection:
        marts.add_forecast(connection, company.payments, marts.TODAY, p85=marts.TODAY + timedelta(days=21))
        marts.add_calibrations(connection, company.payments, marts.TODAY - timedelta(days=1), hit_count=1)
        marts.add_calibrations(connection, company.payments, marts.TODAY, hit_count=30)
    data, _ = data_of(reader, "/api/v1/metrics/forecast", stream="payments")
    record = data["forecasts"][0]["track_record"]
    assert (record["scope_weeks"], record["is_stable"]) == (8, False)
    assert [(rate["percentile"], rate["hit_rate_pct"]) for rate in record["hit_rates"]] == [
        (percentile, 75.0) for percentile in (50, 70, 85, 95)
    ]


def test_what_if_answers_when_how_many_and_when_all_are_done(reader: httpx.Client, company: Company) -> None:
    with company.engine.begin() as connection:
        marts.add_weekly_throughput(connection, company.payments, (5,) * 12)
        marts.add_weekly_throughput(connection, company.lending, (0,) * 9 + (2,) * 3)
        marts.insert_rows(connection, "metrics.wip_by_stage", marts.wip("delivery", company.lending, "dev", 4, 0))
    path = "/api/v1/forecast/what-if"
    # 35 items are left, backlog included; ten fewer are five weeks, and a week off a sixth.
    holiday = str(marts.TODAY + timedelta(days=10))
    by = str(marts.TODAY + timedelta(days=30))
    data, _ = data_of(reader, path, stream="payments", scope_change=-10, week_off=holiday, by=by)
    [one] = data["streams"]
    assert (one["scope_item_count"], one["done"]["p85_completion_date"]) == (25, "2026-04-13")
    assert (one["done_by"]["weeks"], one["done_by"]["p85_item_count"]) == (4, 15)
    assert data["all_done"] is None
    data, _ = data_of(reader, path, stream="payments", items=12, window_weeks=6)
    assert data["streams"][0]["done"]["p50_completion_date"] == "2026-03-23"
    data, meta = data_of(reader, path, **{"stream": ["payments", "lending"]})  # type: ignore[arg-type]
    last = max(one["done"]["p85_completion_date"] for one in data["streams"])
    assert (meta["streams"], data["all_done"]["p85_completion_date"] >= last) == (2, True)
    assert "depend" in data["note"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("stream=core-api", "technology stream"),
        ("items=5", "one stream"),
        ("stream=payments&scope_change=-36", "cannot be taken"),
        ("stream=payments&by=2020-01-01", "lies before"),
        ("stream=payments&week_off=2020-01-01", "not a day of"),
    ],
)
def test_a_plan_without_sense_is_an_error_that_says_why(
    reader: httpx.Client, company: Company, question: str, said: str
) -> None:
    error = error_of(reader, "GET", f"/api/v1/forecast/what-if?{question}", 422)
    assert (error["code"], said in error["message"]) == ("unanswerable_plan", True)


@pytest.mark.parametrize("question", ["window_weeks=7", "items=-1", "strength=2", "week_off=soon"])
def test_a_wrong_parameter_of_a_plan_is_named(reader: httpx.Client, company: Company, question: str) -> None:
    error = error_of(reader, "GET", f"/api/v1/forecast/what-if?stream=payments&{question}", 422)
    assert [item["field"].split(".")[0] for item in error["fields"]] == [question.partition("=")[0]]


@pytest.mark.parametrize("path", [path for path in PATHS if "/metrics/" in path or "/forecast/" in path])
def test_before_the_first_build_the_answer_says_what_to_do(
    reader: httpx.Client, database_before_build: Engine, path: str
) -> None:
    data, _ = data_of(reader, path)
    state = data.get("state") or data["wip_by_stage"]["state"]
    assert state["error_state"] == "no_data"
    assert "Dagster" in state["remedy"]
    assert data.get("metrics", []) == []


@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_without_a_key_or_a_session(web: httpx.Client, company: Company, path: str) -> None:
    answer = web.get(path)
    assert error_of(web, "GET", path, 401)["code"] == "not_signed_in"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_somebody_who_is_signed_in_reads(web: httpx.Client, company: Company, user_id: UUID) -> None:
    web.post("/auth/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert web.get("/api/v1/streams/delivery").status_code == 200


@pytest.mark.parametrize("header", ["Bearer dpp_wrong", "Bearer", "Basic dXNlcg==", "", "Bearer é"])
def test_a_wrong_key_is_refused_even_beside_a_good_cookie(
    web: httpx.Client, company: Company, user_id: UUID, header: str
) -> None:
    web.post("/auth/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert web.cookies.get(COOKIE)
    error = error_of(web, "GET", PATHS[0], 401, headers={"authorization": header.encode()})
    assert error["code"] == "invalid_key"


def test_a_key_needs_the_right_to_read(web: httpx.Client, company: Company) -> None:
    with company.engine.begin() as connection:
        _, key = create_key(connection, "the pipeline", ["events:write"])
    assert "metrics:read" in error_of(web, "GET", PATHS[0], 403, headers={"authorization": f"Bearer {key}"})["message"]


def test_a_key_that_is_bound_to_repositories_reads_no_streams(web: httpx.Client, company: Company) -> None:
    with company.engine.begin() as connection:
        _, key = create_key(connection, "one team", ["metrics:read"], {"repositories": ["org/one"]})
    assert error_of(web, "GET", PATHS[0], 403, headers={"authorization": f"Bearer {key}"})["code"] == "not_permitted"


@pytest.mark.parametrize(
    ("query", "field"),
    [("window=31", "window"), ("window=abc", "window"), ("days=0", "days"), ("days=551", "days"), ("days=x", "days")],
)
def test_a_wrong_parameter_is_named(reader: httpx.Client, company: Company, query: str, field: str) -> None:
    error = error_of(reader, "GET", f"/api/v1/metrics/trends?{query}", 422)
    assert error["code"] == "invalid_parameter"
    assert [item["field"] for item in error["fields"]] == [field]


@pytest.mark.parametrize(
    "path", ["/api/v1/nonsense", "/api/v2/metrics/realtime", "/auth/nonsense", "/webhooks/none", "/healthz/x"]
)
def test_an_unknown_path_is_an_error_and_not_a_page(reader: httpx.Client, path: str) -> None:
    assert error_of(reader, "GET", path, 404)["code"] == "not_found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_names_the_right_one(reader: httpx.Client, method: str) -> None:
    error = error_of(reader, method, PATHS[0], 405)
    assert error["code"] == "method_not_allowed"
    assert "GET" in error["message"]
    assert reader.request(method, PATHS[0]).headers["allow"] == "GET"


def test_a_mistake_of_ours_tells_nothing_of_itself(database: Settings, engine: Engine) -> None:
    application = FastAPI()
    application.include_router(create_api(engine))

    @application.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("the password is hunter2")

    install_error_handlers(application)
    with serving(application) as url, httpx.Client(base_url=url) as client:
        error = error_of(client, "GET", "/api/v1/broken", 500)
    assert error["code"] == "internal_error"
    assert "hunter2" not in error["message"]


def test_without_a_database_the_answer_is_503_and_the_process_stays_alive(database: Settings) -> None:
    lost = make_engine(database_url(database, database="no_such_database"))
    application = FastAPI()
    application.include_router(create_api(lost))
    install_error_handlers(application)
    with serving(application) as url, httpx.Client(base_url=url, cookies={COOKIE: "some token"}) as client:
        assert error_of(client, "GET", PATHS[0], 503)["code"] == "database_unavailable"
        assert error_of(client, "GET", "/readyz", 503)["code"] == "database_unavailable"
        assert client.get("/healthz").json()["data"] == {"alive": True}


def test_readiness_tells_whether_there_is_anything_to_show(web: httpx.Client, database_before_build: Engine) -> None:
    assert web.get("/readyz").json()["data"] == {"ready": True, "is_built": False}
    with database_before_build.begin() as connection:
        marts.create_marts(connection)
    assert web.get("/readyz").json()["data"] == {"ready": True, "is_built": True}


def test_the_description_lists_what_can_be_asked_and_nothing_of_signing_in(engine: Engine, database: Settings) -> None:
    assert set(compose(engine, database).openapi()["paths"]) == {*PATHS, "/healthz", "/readyz"}
