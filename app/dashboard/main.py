"""The entry of the dashboard: asks who is looking, draws the frame, and hands over to a view.

In: a browser's session cookie and the address bar. Out: the frame (filters, account) and the chosen view.
Streamlit runs this file from the top for every session and every click.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from app.auth.page import SIGN_IN_PATH, SIGN_OUT_PATH
from app.auth.sessions import COOKIE, Session, find_session
from app.dashboard import data, markup
from app.dashboard.connection import connected
from app.dashboard.filters import show_filters
from app.dashboard.views import primary

FOLDER = Path(__file__).parent
REFRESH_SECONDS = 30
# The browser knows the address with its filters, so it builds the way back itself.
_TO_SIGN_IN = f"""
<script>
const here = window.location;
if (here.pathname !== "{SIGN_IN_PATH}") {{
  here.replace("{SIGN_IN_PATH}?next=" + encodeURIComponent(here.pathname + here.search));
}}
</script>
"""


def main() -> None:
    """Draw the page, or send the browser to sign in."""
    st.set_page_config("Delivery Performance", page_icon=str(FOLDER / "favicon.png"), layout="wide")
    st.html(FOLDER / "style.css")
    session = _session()
    if session is None:
        _send_to_sign_in()
        return
    with st.sidebar:
        st.html(markup.brand())
        filters = show_filters(*data.all_streams())
        st.html(markup.account(session.user.display_name, SIGN_OUT_PATH))
    view = st.Page(partial(primary.show, filters), title="Delivery performance", url_path="primary", default=True)
    st.navigation([view], position="hidden").run()
    _watch(data.data_as_of())


def _session(*, is_activity: bool = True) -> Session | None:
    with connected().engine.begin() as connection:
        return find_session(connection, st.context.cookies.get(COOKIE), is_activity=is_activity)


def _send_to_sign_in() -> None:
    st.html(_TO_SIGN_IN, unsafe_allow_javascript=True)
    st.subheader("Your session has ended")
    st.html(f'<p><a href="{SIGN_IN_PATH}" target="_self">Sign in</a> to go on.</p>')


@st.fragment(run_every=REFRESH_SECONDS)
def _watch(shown: datetime | None) -> None:
    """Look for newer data, and for the end of the session, without anybody's click."""
    if _session(is_activity=False) is None or data.data_as_of() != shown:
        st.rerun()


if __name__ == "__main__":
    main()
