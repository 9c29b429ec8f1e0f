"""One link, and many of them in a CSV file: what is possible, and what is wrong with which line.

In: decoded JSON, or the bytes of a CSV file with a header. Out: `Link`s, or `Refused` naming each wrong field.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from core.api_keys import ApiKey
from ingestion.bodies import Refused, wrong_fields

HEADER = ("repo_full_name", "pr_number", "ticket_id")
MOST_ROWS = 10_000
_LARGEST_NUMBER = 2**31 - 1


class Link(BaseModel):
    """One pull request and the ticket that it belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo_full_name: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^/\s@]+(/[^/\s@]+)+$")
    ]
    pr_number: Annotated[int, Field(ge=1, le=_LARGEST_NUMBER)]
    ticket_id: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]

    @field_validator("ticket_id", mode="before")
    @classmethod
    def _as_jira_writes_it(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("ticket_id")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        project, dash, number = value.rpartition("-")
        if not (dash and number.isdecimal() and number.isascii() and _is_project(project)):
            raise ValueError("is not the key of a ticket, such as PAY-456")
        return value


@dataclass(frozen=True)
class Row:
    """One row of a CSV file: the number of its line, and the link in it or why there is none."""

    line: int
    read: Link | Refused


def read_link(values: dict[str, Any], key: ApiKey) -> Link:
    """Raises `Refused` 422 for a wrong field, 403 for a repository that is not the key's."""
    try:
        link = Link.model_validate(values)
    except ValidationError as error:
        raise wrong_fields(error, "invalid_link") from None
    require_scope(key, link.repo_full_name)
    return link


def require_scope(key: ApiKey, repo_full_name: str) -> None:
    """Raises `Refused` 403 where the key is bound to other repositories."""
    if key.repositories is not None and repo_full_name not in key.repositories:
        raise Refused(403, "out_of_scope", "This API key may not write links of that repository")


def read_rows(body: bytes, key: ApiKey) -> list[Row]:
    """The rows of a CSV file. Raises `Refused` 422 for a file without the header, 413 for one that is too long."""
    try:
        # A spreadsheet's file begins with a byte order mark.
        content = body.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(content, newline=""), strict=True)
        header = tuple(name.strip().lower() for name in next(reader, []))
        if sorted(header) != sorted(HEADER):
            raise Refused(422, "invalid_csv", f"The first line must be {','.join(HEADER)}")
        rows: list[Row] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) == MOST_ROWS:
                raise Refused(413, "too_many_rows", f"A file holds at most {MOST_ROWS:,} links")
            rows.append(Row(reader.line_num, _read(header, cells, key)))
    except UnicodeDecodeError:
        raise Refused(422, "invalid_csv", "The file is not text in UTF-8") from None
    except csv.Error as error:
        raise Refused(422, "invalid_csv", f"The file is not CSV: {error}") from None
    if not rows:
        raise Refused(422, "invalid_csv", "The file holds no link below its header")
    return rows


def refuse_all(rows: list[Row]) -> None:
    """Raises `Refused` 422, naming every wrong line, where there is one."""
    wrong = [
        {"line": row.line, "outcome": "refused", **row.read.description()}
        for row in rows
        if isinstance(row.read, Refused)
    ]
    if wrong:
        message = f"Nothing was stored: {len(wrong):,} of {len(rows):,} rows are wrong (mode=each stores the others)"
        raise Refused(422, "rows_refused", message, lines=wrong)


def _read(header: tuple[str, ...], cells: list[str], key: ApiKey) -> Link | Refused:
    if len(cells) != len(header):
        return Refused(422, "invalid_link", f"has {len(cells)} values, and the header {len(header)}")
    try:
        return read_link(dict(zip(header, cells, strict=True)), key)
    except Refused as refused:
        return refused


def _is_project(name: str) -> bool:
    return len(name) > 1 and name.isascii() and name[0].isalpha() and name.replace("_", "").isalnum()
