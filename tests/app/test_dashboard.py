"""The dashboard in a real browser: the numbers are there, the address keeps the filters, strangers stay out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
import streamlit
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text

from app.auth.sessions import COOKIE, start_session
from app.auth.users import load_user
from tests.app import hand_made_marts as marts
from tests.app.conftest import EMAIL, PASSWORD, Company
from tests.browser import Scheme, open_page, sign_in


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Streams of the test before are not those of this one."""
    streamlit.cache_resource.clear()


@pytest.fixture
def page(browser: Browser, website: str, company: Company, user_id: UUID) -> Iterator[Page]:
    """The start page of somebody who is signed in."""
    with open_page(browser) as opened:
        open_session(opened, company.engine, user_id, website)
        opened.goto(website)
        expect(opened.locator(".health")).to_be_visible()
        yield opened


def open_session(page: Page, engine: Engine, user_id: UUID, website: str) -> None:
    """Sign in without the form, which has tests of its own."""
    with engine.begin() as connection:
        user = load_user(connection, user_id)
        assert user is not None
        token = start_session(connection, user, duration_minutes=480)
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": website, "httpOnly": True}])


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def card(page: Page, metric_name: str) -> str:
    return page.locator(f'.card[data-metric="{metric_name}"]').inner_text()


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_stranger_is_sent_to_sign_in_and_comes_back_to_the_view_they_wanted(
    browser: Browser, website: str, company: Company, user_id: UUID
) -> None:
    with open_page(browser) as page:
        page.goto(f"{website}/?stream=Payments&range=90d")
        expect(page).to_have_url(f"{website}/auth/sign-in?next=%2F%3Fstream%3DPayments%26range%3D90d")
        sign_in(page, page.url, EMAIL, PASSWORD)
        expect(page.get_by_role("heading", level=1)).to_have_text("Payments")
        expect(page.locator("header.masthead")).to_contain_text("Last 90 days")
        assert page.url == f"{website}/?stream=Payments&range=90d"


def test_a_wrong_password_stays_on_the_sign_in_page(browser: Browser, website: str, user_id: UUID) -> None:
    with open_page(browser) as page:
        sign_in(page, website, EMAIL, "wrong")
        expect(page.get_by_role("alert")).to_contain_text("do not match")
        expect(page.get_by_label("E-mail address")).to_have_value(EMAIL)


def test_the_page_shows_the_marts_numbers_with_what_one_must_know_of_them(page: Page) -> None:
    assert page.locator('.card[data-metric="cycle_time_p85"]').get_attribute("data-value") == "8.65"
    assert re.search(r"8\.7 days\s+↑ 8 % worse vs previous 30 days", card(page, "cycle_time_p85"))
    assert "From 10 items, 1 left out" in card(page, "cycle_time_p85")
    assert "High" in card(page, "deployment_frequency")
    assert "Reduced confidence: PR ticket linkage is 83 %" in card(page, "lead_time_p50")
    assert "No outage ended." in card(page, "ttr_median")
    expect(page.locator(".answer")).to_contain_text("QA is the bottleneck: 8 items wait for QA, 89 % of all that wait")
    expect(page.locator("header.masthead")).to_contain_text("Data as of 2 Mar 2026, 09:30 UTC (30 minutes ago)")


def test_every_chart_is_drawn_and_has_a_name(page: Page) -> None:
    charts = page.locator("[data-testid=stVegaLiteChart]")
    expect(charts.locator("svg")).to_have_count(5)
    names = charts.evaluate_all("found => found.map(one => one.getAttribute('aria-label'))")
    assert names == [
        "Items in each pipeline stage, worked on and waiting",
        "Completed items by day and cycle time",
        "Deployment frequency by day",
        "Lead time for changes by day",
        "Change failure rate by day",
    ]


def test_the_page_has_one_title_and_headings_below_it(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Real-time", "Trends", "Forecast"]


def test_a_chosen_filter_is_in_the_address_and_survives_reloading_and_sharing(
    page: Page, browser: Browser, website: str
) -> None:
    choose(page, "Delivery stream", "Payments")
    expect(page).to_have_url(f"{website}/?stream=Payments")
    page.get_by_role("radio", name="90d").click()
    page.get_by_role("button", name="Forecast").click()
    expect(page.get_by_role("heading", level=2, name="Forecast")).to_have_count(0)
    wanted = {"stream": ["Payments"], "range": ["90d"], "zones": ["Real-time", "Trends"]}
    assert query_of(page) == wanted
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payments")
    assert query_of(page) == wanted
    with open_page(browser, is_stranger=True) as other:
        sign_in(other, page.url, EMAIL, PASSWORD)
        expect(other.locator("header.masthead")).to_contain_text("Last 90 days")
        assert other.get_by_role("heading", level=2).all_inner_texts() == ["Real-time", "Trends"]


def test_two_streams_on_one_page_say_whose_number_is_whose(page: Page, website: str) -> None:
    page.goto(f"{website}/?stream=Payments&tech=Core+API")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payments with Core API")
    assert "Last 30 days · Payments" in card(page, "flow_efficiency")
    assert "Last 30 days · Core API" in card(page, "deployment_frequency")


def test_the_time_range_moves_trends_and_leaves_real_time_alone(page: Page, website: str) -> None:
    page.goto(f"{website}/?range=7d")
    expect(page.locator('.card[data-metric="throughput"]')).to_contain_text("Last 7 days")
    assert "Last 30 days" in card(page, "cycle_time_p85")


def test_a_stream_that_does_not_exist_is_all_streams(page: Page, website: str) -> None:
    page.goto(f"{website}/?stream=Nonsense&range=12d")
    expect(page.get_by_role("heading", level=1)).to_have_text("All streams")


def test_the_rows_behind_a_chart_can_be_taken_along(page: Page) -> None:
    page.get_by_text("Rows behind this").nth(1).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == 'ticket,"cycle time, business days",type,completed at,"flow efficiency, %"'
    assert lines[1] == "PAY-10,10.0,Story,2026-02-10T09:30:00+00:00,25.0"
    assert len(lines) == 11


def test_the_definition_of_a_metric_is_one_click_away(page: Page) -> None:
    page.locator('.card[data-metric="flow_efficiency"] summary').click()
    expect(page.get_by_text("Computed as: how flow efficiency is computed")).to_be_visible()


def test_before_the_first_build_the_page_says_what_to_do(
    browser: Browser, website: str, database_before_build: Engine, user_id: UUID
) -> None:
    with open_page(browser) as page:
        open_session(page, database_before_build, user_id, website)
        page.goto(website)
        expect(page.locator(".empty")).to_contain_text("The metrics have not been built yet.")
        expect(page.locator(".empty")).to_contain_text("Materialise the assets in Dagster")


def test_without_events_every_zone_names_the_missing_input(
    browser: Browser, website: str, empty_marts: Engine, user_id: UUID
) -> None:
    with open_page(browser) as page:
        open_session(page, empty_marts, user_id, website)
        page.goto(website)
        expect(page.locator(".empty").first).to_contain_text("No Jira work item has arrived.")
        told = page.locator(".empty").all_inner_texts()
    assert any("/api/v1/events/deployment" in one for one in told)
    assert any("No forecast has been computed yet." in one for one in told)


def test_a_forecast_shows_its_dates_and_its_doubts(page: Page, website: str, company: Company) -> None:
    with company.engine.begin() as connection:
        marts.add_forecast(connection, company.payments, marts.TODAY, marts.TODAY)
        marts.add_calibrations(connection, company.payments, marts.TODAY, hit_count=30)
        marts.add_weekly_throughput(connection, company.payments, (5,) * 12)
        note = "Low confidence: a straight line."
        marts.add_forecast(connection, company.lending, marts.TODAY, None, method="linear", note=note)
    streamlit.cache_resource.clear()
    page.goto(f"{website}/?stream=Payments&zones=Forecast")
    expect(page.locator("dl.dates")).to_contain_text("85 % chance by")
    expect(page.get_by_text("75 % of 40 past 85 % dates held")).to_be_visible()
    page.get_by_text("What if?").click()
    change = page.get_by_label("Items more or fewer")
    change.fill("-10")
    change.press("Enter")
    expect(page.get_by_text("25 items: 85 % chance by 6 Apr 2026.")).to_be_visible()
    page.goto(f"{website}/?stream=Lending&zones=Forecast")
    expect(page.locator(".finding .low")).to_have_text("Low confidence")
    expect(page.locator("dl.dates")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 420])
def test_the_page_fits_its_window_in_light_and_dark(
    browser: Browser, website: str, company: Company, user_id: UUID, width: int, scheme: Scheme
) -> None:
    with open_page(browser, width=width, scheme=scheme) as page:
        open_session(page, company.engine, user_id, website)
        page.goto(website)
        expect(page.locator("[data-testid=stVegaLiteChart] svg.marks").last).to_be_visible()
        overflow = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth")
        columns = page.evaluate(
            "getComputedStyle(document.querySelector('.health')).gridTemplateColumns.split(' ').length"
        )
        ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert overflow <= 0
    assert columns == (4 if width == 1400 else 2)
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 20, 27)"}[scheme]


def test_the_pages_of_a_narrow_window_keep_their_filters_behind_one_button(
    browser: Browser, website: str, company: Company, user_id: UUID
) -> None:
    with open_page(browser, width=420) as page:
        open_session(page, company.engine, user_id, website)
        page.goto(website)
        expect(page.locator(".health")).to_be_visible()
        page.get_by_test_id("stExpandSidebarButton").click()
        choose(page, "Delivery stream", "Payments")
        expect(page.get_by_role("heading", level=1)).to_have_text("Payments")


def test_signing_out_closes_every_page_and_the_cookie_opens_nothing_more(page: Page, website: str) -> None:
    kept = next(cookie for cookie in page.context.cookies() if cookie["name"] == COOKIE)
    assert kept["httpOnly"]
    assert page.evaluate("document.cookie").find(COOKIE) == -1
    other = page.context.new_page()
    other.goto(website)
    expect(other.locator(".health")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    # The other page was open all along; the next click finds the session gone and asks to sign in.
    choose(other, "Delivery stream", "Payments")
    expect(other).to_have_url(re.compile(r"/auth/sign-in\?next=%2F"))
    page.context.add_cookies([{"name": COOKIE, "value": str(kept["value"]), "url": website}])
    page.goto(website)
    expect(page).to_have_url(f"{website}/auth/sign-in?next=%2F")


def test_a_form_on_another_site_cannot_sign_anybody_out(page: Page, website: str) -> None:
    foreign = page.context.new_page()
    foreign.set_content(f'<form method="post" action="{website}/auth/sign-out"><button>Win a prize</button></form>')
    foreign.get_by_role("button").click()
    expect(foreign.get_by_role("alert")).to_contain_text("another site")
    page.reload()
    expect(page.locator(".health")).to_be_visible()


def test_a_session_that_is_revoked_ends_at_the_next_click(page: Page, company: Company) -> None:
    with company.engine.begin() as connection:
        connection.execute(text("update auth.sessions set is_revoked = true"))
    choose(page, "Delivery stream", "Payments")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize("path", ["/media/anything.csv", "/_stcore/metrics"])
def test_files_and_process_numbers_are_not_given_to_strangers(
    website: str, database_before_build: Engine, path: str
) -> None:
    assert httpx.get(website + path).status_code == 401


def test_the_dashboard_does_not_answer_for_the_api(website: str, database_before_build: Engine) -> None:
    unknown = httpx.get(f"{website}/api/v1/nonsense", headers={"accept": "text/html"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    wrong = httpx.post(f"{website}/api/v1/metrics/realtime")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
