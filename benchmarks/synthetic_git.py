"""A repository of real source code with a made-up history: the installed Python libraries, changed commit by commit.

In: a folder, a number of commits, a seed. Out: a bare repository, packed as `git gc` would. The files are those
of this environment's Python; the changes insert, remove and rewrite blocks of lines, add, rename and remove
files, on topic branches that are merged as GitHub does. The same seed and Python give the same history.
"""

from __future__ import annotations

import random
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import IO

# 2016-01-01T00:00:00Z; a commit every twenty minutes.
START, STEP = 1_451_606_400, 1_200
AUTHORS = 120
MOST_FILES, LARGEST_FILE_BYTES = 6_000, 200_000
SHARE_OF_MERGES, SHARE_ADDED, SHARE_RENAMED, SHARE_REMOVED = 0.15, 0.06, 0.01, 0.01

Lines = list[bytes]


def make_repository(folder: Path, commits: int, seed: int = 1) -> Path:
    """Write the repository and pack it; returns its folder."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder)], check=True)
    command = ["git", "-C", str(folder), "fast-import", "--quiet", "--done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as importer:
        assert importer.stdin is not None
        _Writer(importer.stdin, random.Random(seed)).write(commits)  # noqa: S311 - nothing secret in it
        importer.stdin.close()
    if importer.returncode:
        raise RuntimeError(f"git fast-import ended with status {importer.returncode}")
    subprocess.run(["git", "-C", str(folder), "repack", "-q", "-a", "-d", "-f"], check=True)
    return folder


def library_files() -> dict[bytes, Lines]:
    """Sources of the standard library and of the packages of this environment, by their path in it."""
    files: dict[bytes, Lines] = {}
    for name in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(name))
        for path in sorted(root.rglob("*.py")):
            if len(files) >= MOST_FILES:
                return files
            own = path.relative_to(root)
            if "site-packages" not in own.parts and path.stat().st_size < LARGEST_FILE_BYTES:
                files[str(Path(name, own)).encode()] = path.read_bytes().splitlines(keepends=True)
    return files


class _Writer:
    """Writes a fast-import stream."""

    def __init__(self, stream: IO[bytes], dice: random.Random) -> None:
        self._stream = stream
        self._dice = dice
        self._library = library_files()
        self._sources = list(self._library.values())
        self._files = {name: self._library[name] for name in list(self._library)[: len(self._library) // 2]}
        self._names = list(self._files)
        self._mark = 0
        self._made_names = 0

    def write(self, commits: int) -> None:
        """The whole history."""
        head = self._commit(b"The beginning", (), [self._modify(name) for name in self._names])
        pull = 0
        while self._mark < commits:
            if self._dice.random() < SHARE_OF_MERGES:
                pull += 1
                topic, brought = head, []
                for _ in range(self._dice.randint(1, 4)):
                    changes = self._changes()
                    topic = self._commit(self._message(), (topic,), changes)
                    brought += changes
                message = b"Merge pull request #%d from acme/topic-%d\n\n%b" % (pull, pull, self._message())
                # fast-import begins a merge with the first parent's files.
                head = self._commit(message, (head, topic), brought)
            else:
                head = self._commit(self._message(), (head,), self._changes())
        self._stream.write(b"done\n")

    def _commit(self, message: bytes, parents: tuple[int, ...], changes: list[bytes]) -> int:
        self._mark += 1
        author = int(self._dice.random() ** 3 * AUTHORS)
        who = b"Author %d <author-%d@example.org> %d +0000" % (author, author, START + self._mark * STEP)
        lines = [
            b"commit refs/heads/main\nmark :%d\ncommitter %b\n" % (self._mark, who),
            b"data %d\n%b\n" % (len(message), message),
            *(b"%b :%d\n" % (word, parent) for word, parent in zip((b"from", b"merge"), parents, strict=False)),
        ]
        self._stream.write(b"".join([*lines, *changes, b"\n"]))
        return self._mark

    def _changes(self) -> list[bytes]:
        count = min(1 + int(self._dice.expovariate(0.6)), 20)
        return [change for _ in range(count) for change in self._change()]

    def _change(self) -> Iterator[bytes]:
        kind = self._dice.random()
        name = self._dice.choice(self._names)
        if kind < SHARE_ADDED:
            added = self._new_name(self._dice.choice(list(self._library)))
            self._names.append(added)
            self._files[added] = list(self._dice.choice(self._sources))
            yield self._modify(added)
        elif kind < SHARE_ADDED + SHARE_RENAMED:
            renamed = self._new_name(name)
            self._names[self._names.index(name)] = renamed
            self._files[renamed] = self._files.pop(name)
            yield b"D %b\n" % name
            yield self._modify(renamed)
        elif kind < SHARE_ADDED + SHARE_RENAMED + SHARE_REMOVED and len(self._names) > 10:
            self._names.remove(name)
            del self._files[name]
            yield b"D %b\n" % name
        else:
            self._files[name] = self._edited(self._files[name])
            yield self._modify(name)

    def _new_name(self, name: bytes) -> bytes:
        """A name beside this one that no file has had."""
        self._made_names += 1
        return b"%b_%d.py" % (name.removesuffix(b".py"), self._made_names)

    def _edited(self, lines: Lines) -> Lines:
        """The lines with one to four blocks changed."""
        edited = list(lines)
        for _ in range(self._dice.randint(1, 4)):
            start = self._dice.randint(0, len(edited))
            removed = self._dice.randint(0, 8)
            source = self._dice.choice(self._sources)
            begin = self._dice.randint(0, len(source))
            edited[start : start + removed] = source[begin : begin + self._dice.randint(0, 10)]
        return edited

    def _modify(self, name: bytes) -> bytes:
        content = b"".join(self._files[name])
        return b"M 100644 inline %b\ndata %d\n%b\n" % (name, len(content), content)

    def _message(self) -> bytes:
        words = b" ".join(b"".join(self._dice.choice(self._sources)[:40]).split()[:60]).replace(b"\0", b"")
        subject = words[: self._dice.randint(20, 70)].strip() or b"work"
        return subject if self._dice.random() < 0.4 else subject + b"\n\n" + words[: self._dice.randint(40, 400)]
