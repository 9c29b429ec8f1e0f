"""Who looks at it: queries over the marts, sign-in, the API and the dashboard.

In: a database engine and the settings. Out: answers with their units, windows and reasons.
`app.api` and `app.dashboard` reach data through `app.queries` alone.
"""
