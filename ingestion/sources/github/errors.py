"""What goes wrong between us and GitHub, as exceptions whose message says what to mend.

In: nothing. Out: `GithubError` and its kinds. A message never holds a token or somebody's login.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.pipelines import LoadResult


class GithubError(Exception):
    """GitHub does not answer as it should; the message names the request, the status and what GitHub said."""


class UnavailableError(GithubError):
    """GitHub does not answer, or refuses the token: whatever is asked next would fail alike."""


class TooHeavyError(GithubError):
    """GitHub did not get ready with this page in time; a smaller one may come through."""


class ForbiddenError(GithubError):
    """The App or the token may not read this kind of thing, in no repository of the organisation."""


class CursorLostError(GithubError):
    """GitHub does not know the page any more from which we want to go on; the reading begins anew."""


class IncompleteError(GithubError):
    """Some organisations or repositories could not be read; all others were, and their rows are stored."""

    def __init__(self, failures: Sequence[str], results: Sequence[LoadResult] = ()) -> None:
        super().__init__("; ".join(failures))
        self.failures = tuple(failures)
        self.results = tuple(results)
