"""The read side of the HTTP interface: `/api/v1`, `/healthz`, `/readyz` (specification 004 §7.3).

In: an engine. Out: a router and the error envelope, to be composed into one application:

    ui = dashboard_app(settings, engine)                 # app.dashboard
    web = FastAPI(lifespan=ui.lifespan(), docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    web.include_router(create_api(engine))               # app.api
    web.include_router(create_auth_router(engine, settings))  # app.auth.routes
    ...                                                  # the routes of the sink and of the push API
    install_error_handlers(web)                          # after every route, before the dashboard
    web.mount("/", ui)                                   # last: it answers every path that is left

`docs_url` and `redoc_url` are off because those pages load scripts from other hosts.
"""

from app.api.envelope import install_error_handlers
from app.api.routes import create_api

__all__ = ["create_api", "install_error_handlers"]
