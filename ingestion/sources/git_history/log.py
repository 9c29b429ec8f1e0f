"""A thin parser of one streamed `git log`: NUL-ended fields in, commits out.

In: bytes. Out: `Commit`s. Some ten microseconds a commit, where git itself needs several hundred.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import IO

from ingestion.sources.git_history.commits import Commit, HistoryError

# Before every commit stands a mark that no file name and no message has, since it is drawn anew for each process;
# then come the sha and seven more fields, then the changed files. NUL ends each of them.
MARK = f"\x02{secrets.token_hex(8)}".encode()
_FIELDS = ("%H", "%P", "%at", "%ct", "%ae", "%ce", "%s", "%b")
FORMAT = MARK.decode().replace("\x02", "%x02") + "%x00".join(_FIELDS)
OPTIONS = ("-z", f"--format={FORMAT}", "--encoding=UTF-8", "--no-color", "--no-show-signature", "--no-mailmap")
COUNTED = ("--numstat", "--find-renames", "--no-ext-diff", "--no-textconv", "--diff-merges=off")
UNCOUNTED = ("--no-patch",)
_CHUNK_BYTES = 1 << 18
# Dates before 1970 and behind year 9999 are no dates: git wraps them round, PostgreSQL and people cannot read them.
LATEST = 253_402_300_799


def parse(output: IO[bytes], ended_well: Callable[[], bool], *, counted: bool) -> Iterator[Commit]:
    """Cut a log into commits.

    The last commit is given only if `ended_well` says that git told everything: it may be cut in two.
    Raises `HistoryError` for anything but a log in our format.
    """
    rest, begun = b"", False
    while chunk := output.read(_CHUNK_BYTES):
        *records, rest = (rest + chunk).split(MARK)
        for record in records:
            if begun:
                yield _commit(record, counted)
            elif record:
                raise _strange(record)
            begun = True
    if rest and not begun:
        raise _strange(rest)
    if begun and ended_well():
        yield _commit(rest, counted)


def _commit(record: bytes, counted: bool) -> Commit:
    # NUL ends the last field too, so there is an empty one behind it.
    try:
        sha, parents, authored_at, committed_at, author, committer, subject, body, *files, _ = record.split(b"\0")
    except ValueError:
        raise _strange(record) from None
    parent_shas = tuple(parents.decode("ascii").split())
    written = calendar_second(authored_at)
    return Commit(
        sha.decode("ascii"),
        parent_shas,
        author.decode("utf-8", "replace"),
        committer.decode("utf-8", "replace"),
        written,
        written if committed_at == authored_at else calendar_second(committed_at),
        subject.decode("utf-8", "replace"),
        body.decode("utf-8", "replace") if body else "",
        *(_sum(files) if files else (0, 0, 0) if counted or len(parent_shas) > 1 else (None, None, None)),
    )


def _strange(output: bytes) -> HistoryError:
    return HistoryError(f"git log gave {output[:40]!r} where a commit should begin")


def _sum(files: list[bytes]) -> tuple[int, int, int]:
    """Lines added, lines removed, files: of "added TAB removed TAB path", with dashes for a binary file."""
    added = removed = count = 0
    fields = iter(files)
    for field in fields:
        plus, minus, path = field.split(b"\t", 2)
        if not path:
            # A rename: the old and the new name follow on their own.
            next(fields, None)
            next(fields, None)
        count += 1
        # Before the first file stands a line's end.
        if plus[-1:] != b"-":
            added += int(plus)
            removed += int(minus)
    return added, removed, count


def calendar_second(value: bytes | str | int) -> int | None:
    """Epoch seconds; None for a date that git cannot read, printed as nothing, and for one that no calendar has."""
    if not value:
        return None
    second = int(value)
    return second if 0 <= second <= LATEST else None
