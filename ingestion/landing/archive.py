"""The file archive: every delivery once more, outside the database, for disaster recovery.

In: stored deliveries. Out: gzip-compressed lines of JSON, one file for each day and process, under
`<archive>/<year>/<month>/<day>/`; and, for a replay, the deliveries in the order in which they came.
A batch is a gzip member of its own, so a file cut short by a crash loses at most its last batch,
which the database then has not committed either.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime

import fsspec
import orjson

from ingestion.landing.delivery import Delivery

# Fastest level: the archive is written while a sender waits for its 202.
_COMPRESSION_LEVEL = 1


class Archive:
    """The archive under an fsspec URL, such as a folder."""

    def __init__(self, location: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(location)
        self._writer = f"{os.getpid()}"
        self._made_folders: set[str] = set()

    def append(self, stored: Iterable[tuple[Delivery, str]]) -> None:
        """Write deliveries (with their payloads as JSON text) and force them to the disk."""
        by_file: dict[str, list[bytes]] = {}
        for delivery, payload in stored:
            by_file.setdefault(self._path(delivery.received_at), []).append(_line(delivery, payload))
        for path, lines in by_file.items():
            folder = path.rpartition("/")[0]
            if folder not in self._made_folders:
                self._files.makedirs(folder, exist_ok=True)
                self._made_folders.add(folder)
            with self._files.open(path, "ab") as file:
                file.write(gzip.compress(b"".join(lines), _COMPRESSION_LEVEL))
                file.flush()
                if hasattr(file, "fileno"):
                    os.fsync(file.fileno())

    def read(self) -> Iterator[Delivery]:
        """Every archived delivery, day by day; within a day by the time of receipt."""
        by_day: dict[str, list[str]] = {}
        for path in sorted(self._files.find(self._root)):
            if path.endswith(".ndjson.gz"):
                by_day.setdefault(path.rpartition("/")[0], []).append(path)
        for day in sorted(by_day):
            records = [record for path in by_day[day] for record in self._records(path)]
            for record in sorted(records, key=lambda record: str(record["received_at"])):
                yield Delivery(
                    source=record["source"],
                    event_name=record["event_name"],
                    delivery_id=record["delivery_id"],
                    payload=record["payload"],
                    received_at=datetime.fromisoformat(record["received_at"]),
                    problem=record["problem"],
                )

    def _path(self, received_at: datetime) -> str:
        return f"{self._root}/{received_at:%Y/%m/%d}/{self._writer}.ndjson.gz"

    def _records(self, path: str) -> Iterator[dict[str, str]]:
        with self._files.open(path, "rb") as file, gzip.open(file, "rb") as lines:
            try:
                for line in lines:
                    yield orjson.loads(line)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                # The tail of a batch that a crash cut short; its transaction never committed.
                return


def _line(delivery: Delivery, payload: str) -> bytes:
    head = orjson.dumps(
        {
            "received_at": delivery.received_at.isoformat(timespec="microseconds"),
            "source": delivery.source,
            "event_name": delivery.event_name,
            "delivery_id": delivery.delivery_id,
            "problem": delivery.problem,
        }
    )
    return head[:-1] + b',"payload":' + payload.encode() + b"}\n"
