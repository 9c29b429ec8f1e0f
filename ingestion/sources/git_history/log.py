"""A thin parser of one streamed `git log`: NUL-ended fields in, commits out.

In: bytes. Out: `Commit`s. Some ten microseconds a commit, where git itself needs several hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import IO

from ingestion.sources.git_history.commits import Commit, HistoryError

# A header is this mark with the sha and seven more fields; then come the changed files. NUL ends each of them.
MARK = b"\x02"
FORMAT = "%x02%H%x00%P%x00%at%x00%ct%x00%ae%x00%ce%x00%s%x00%b"
OPTIONS = ("-z", f"--format={FORMAT}", "--encoding=UTF-8", "--no-color", "--no-show-signature", "--no-mailmap")
COUNTED = ("--numstat", "--find-renames", "--no-ext-diff", "--no-textconv", "--diff-merges=off")
UNCOUNTED = ("--no-patch",)
_FIELDS_BEHIND_SHA = 7
_CHUNK_BYTES = 1 << 18
# Dates before 1970 and behind year 9999 are no dates: git wraps them round, PostgreSQL and people cannot read them.
LATEST = 253_402_300_799


def parse(fields: Iterator[bytes], ended_well: Callable[[], bool], *, counted: bool) -> Iterator[Commit]:
    """Cut the NUL-ended fields of a log into commits.

    The last commit is given only if `ended_well` says that git told everything: it may be cut in two.
    Raises `HistoryError` for fields in another order than ours.
    """
    mark = next(fields, None)
    while mark is not None:
        if mark[:1] != MARK:
            raise HistoryError(f"git log gave {mark[:40]!r} where a commit should begin")
        header = [field for _, field in zip(range(_FIELDS_BEHIND_SHA), fields, strict=False)]
        sha, mark = mark[1:], None
        added = removed = files = 0
        for field in fields:
            if field[:1] == MARK:
                mark = field
                break
            plus, minus, path = field.split(b"\t", 2)
            if not path:
                # A rename: the old and the new name follow on their own.
                next(fields, None)
                next(fields, None)
            files += 1
            if plus[-1:] != b"-":
                added += int(plus)
                removed += int(minus)
        if mark is None and (not ended_well() or len(header) < _FIELDS_BEHIND_SHA):
            return
        yield _commit(sha, header, (added, removed, files), counted)


def _commit(sha: bytes, header: Sequence[bytes], numbers: tuple[int, int, int], counted: bool) -> Commit:
    parents, authored_at, committed_at, author, committer, subject, body = header
    parent_shas = tuple(parents.decode("ascii").split())
    return Commit(
        sha.decode("ascii"),
        parent_shas,
        author.decode("utf-8", "replace"),
        committer.decode("utf-8", "replace"),
        calendar_second(authored_at),
        calendar_second(committed_at),
        subject.decode("utf-8", "replace"),
        body.decode("utf-8", "replace") if body else "",
        *(numbers if counted or len(parent_shas) > 1 else (None, None, None)),
    )


def calendar_second(value: bytes | str | int) -> int | None:
    """Epoch seconds; None for a date that git cannot read, printed as nothing, and for one that no calendar has."""
    if not value:
        return None
    second = int(value)
    return second if 0 <= second <= LATEST else None


def fields_of(output: IO[bytes]) -> Iterator[bytes]:
    """The NUL-ended pieces of a stream; what stands behind the last NUL is incomplete and left out."""
    rest = b""
    while chunk := output.read(_CHUNK_BYTES):
        pieces = (rest + chunk).split(b"\0")
        rest = pieces.pop()
        yield from pieces
