"""A repository behind a URL, kept as a bare mirror of its branches, tags and pull-request heads.

In: a URL and a folder to keep mirrors in. Out: the path of a mirror that was fetched just now; `HistoryError` with a
sentence for people where that failed, and then the mirror is what it was.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from ingestion.sources.git_history.commits import HistoryError
from ingestion.sources.git_history.git import Git

_SCHEMES = frozenset({"http", "https", "ssh", "git", "file"})
_SCP_LIKE = re.compile(r"^(?:[\w.-]+@)?[\w.-]+:(?!//)\S+$")
# The remote's HEAD says which branch is the default one; the heads of pull requests say when a squash began.
_REFSPECS = (
    "+HEAD:refs/remotes/origin/HEAD",
    "+refs/heads/*:refs/heads/*",
    "+refs/tags/*:refs/tags/*",
    "+refs/pull/*/head:refs/pull/*/head",
    "+refs/pull-requests/*/from:refs/pull-requests/*/from",
    "+refs/merge-requests/*/head:refs/merge-requests/*/head",
)
_OPTIONS = (
    "-c", "credential.helper=", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60",
    "-c", "core.sshCommand=ssh -o BatchMode=yes -o ConnectTimeout=30", "-c", "gc.autoDetach=false",
)  # fmt: skip
_FETCH = ("fetch", "--quiet", "--atomic", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")


def is_url(where: Path | str) -> bool:
    """Whether this names a repository elsewhere, and not a folder."""
    if isinstance(where, Path):
        return False
    return urlsplit(where).scheme in _SCHEMES or bool(_SCP_LIKE.match(where))


def fetched_mirror(url: Path | str, repo_full_name: str, home: Path) -> Path:
    """Bring the mirror of a URL up to date, making it where there is none; returns its folder.

    One reader of a repository at a time: the caller holds a lock. A fetch that is killed leaves the old state, and the
    next one goes on.
    """
    address, login = _without_login(str(url))
    folder = home / "git" / f"{repo_full_name}.git"
    if not (folder / "HEAD").exists():
        folder.mkdir(parents=True, exist_ok=True)
        Git(folder).output("init", "--quiet", "--bare")
    git = Git(folder, network=True)
    with _credentials(login) as helper:
        if git.attempt(*_OPTIONS, *helper, *_FETCH, "--", address, *_REFSPECS) is None:
            complaint = " ".join(git.complaint.split()) or "git gave no reason"
            raise HistoryError(f"{repo_full_name} cannot be fetched from {address}: {complaint}")
    return folder


def _without_login(url: str) -> tuple[str, str | None]:
    """The address alone, and the address with its user and password, where it names a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return url, None
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    address = urlunsplit(parts._replace(netloc=host))
    # A token often comes alone, before the @: then it is the password of any user.
    user, password = (user, password) if password else ("token", user)
    return address, f"{parts.scheme}://{_quoted(user)}:{_quoted(password)}@{host}"


def _quoted(value: str) -> str:
    """As git's credential store reads it; what is quoted in the URL stays so."""
    return quote(value, safe="%")


@contextmanager
def _credentials(login: str | None) -> Iterator[tuple[str, ...]]:
    """Options that hand git the login in a file of ours.

    On the command line others could read it, and git would repeat it in its complaints.
    """
    if login is None:
        yield ()
        return
    # Python makes the folder readable by its owner alone.
    with tempfile.TemporaryDirectory(prefix="dpp-git-") as folder:
        file = Path(folder) / "login"
        file.write_text(f"{login}\n", encoding="utf-8")
        yield ("-c", f"credential.helper=store --file={file}")
