"""Who may look: people in the database, their sessions, and the record of what happened.

In: a connection and what a person typed or a browser sent. Out: users, opaque session tokens, audit rows.
Sign-in by the database is specification 004 §3.2.2; programs use the keys of `core.api_keys`.
"""
