"""A repository to which whatever people do to repositories happens at random: the same seed, the same story."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.ingestion.sources.repositories import AUTHOR, HOUR, START, Repository

TREES = 6


class RandomHistory:
    """One story: `happen()` is one or two pushes, and says what they were."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.repository = Repository(folder)
        self.dice = random.Random(seed)
        files = [{b"file": b"line\n" * (1 + 3 * size), b"%d" % (size % 3): b"x"} for size in range(TREES)]
        self.trees = [self.repository.tree(each) for each in files]
        self.parents: dict[str, tuple[str, ...]] = {}
        self.main = self.commit("The beginning")
        self.topics: list[str] = []
        self.announced: list[tuple[int, str]] = []
        self.pulls: dict[int, str] = {}
        self.number = 0
        self.push()

    def happen(self) -> list[str]:
        """Let some things happen, then push; returns their names."""
        things: list[Callable[[], None]] = [
            self.work, self.work, self.open, self.open, self.work_on_topic, self.merge, self.merge, self.squash,
            self.squash, self.announce, self.announce, self.merge_announced, self.merge_announced, self.rewrite,
            self.go_back, self.swap_parents, self.swap_parents, self.fast_forward, self.join_root, self.move_pull,
            self.drop_pull, self.drop_pull, self.tag, self.untag,
        ]  # fmt: skip
        chosen = self.dice.choices(things, k=self.dice.choice((1, 1, 2, 3, 5)))
        for thing in chosen:
            thing()
        self.push()
        return [thing.__name__ for thing in chosen]

    def commit(self, message: str, *parents: str) -> str:
        """A commit, with a date now and then that no calendar has."""
        at = START + len(self.parents) * HOUR if self.dice.random() < 0.9 else 10**15
        header = [f"tree {self.dice.choice(self.trees)}", *(f"parent {parent}" for parent in parents)]
        text = "\n".join([*header, f"author {AUTHOR} {at} +0000", f"committer {AUTHOR} {at} +0000", "", message, ""])
        given = ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
        sha = self.repository.git(*given, stdin=text.encode())
        self.parents[sha] = parents
        return sha

    def push(self) -> None:
        """The references as they are now; pull requests are known to half of the stories."""
        lines = [f"update refs/heads/main {self.main}"]
        lines += [f"update refs/pull/{number}/head {sha}" for number, sha in self.pulls.items()]
        self.repository.git("update-ref", "--stdin", stdin="".join(f"{line}\n" for line in lines).encode())

    def work(self) -> None:
        self.main = self.commit("work on main", self.main)

    def open(self) -> None:
        self.topics.append(self.commit("a topic begins", self.dice.choice(self.line() + self.topics)))

    def work_on_topic(self) -> None:
        self.topics.append(self.commit("more on the topic", self.topic()))

    def merge(self) -> None:
        topic = self.topic()
        self.number += 1
        message = f"Merge pull request #{self.number} from acme/topic\n\nTitle {self.number}"
        self.main = self.commit(message, self.main, topic)
        self.know(topic)

    def squash(self) -> None:
        self.number += self.dice.randint(0, 1)
        self.know(self.topic())
        self.main = self.commit(f"Squashed (#{max(self.number, 1)})", self.main)

    def rewrite(self) -> None:
        """The last commits once more, with other messages: a rebase, pushed by force."""
        line = self.line()[-4:]
        if len(line) > 1:
            self.main = line[0]
            for old in line[1:]:
                self.main = self.commit(f"again {len(self.parents)}", self.main, *self.parents[old][1:])

    def announce(self) -> None:
        """A pull request is opened, to be merged another day."""
        self.number += 1
        self.announced.append((self.number, self.topic()))
        self.know(self.announced[-1][1])

    def merge_announced(self) -> None:
        if self.announced:
            number, topic = self.announced.pop()
            self.main = self.commit(f"Merge pull request #{number} from acme/topic", self.main, topic)

    def go_back(self) -> None:
        self.main = self.dice.choice(self.line()[-5:])

    def swap_parents(self) -> None:
        """Main merged into a topic, and the topic pushed as main: another line leads to the root."""
        self.main = self.commit("Merge branch 'main' into topic", self.topic(), self.main)

    def fast_forward(self) -> None:
        topic = self.commit("behind main", self.main)
        self.know(topic)
        self.main = self.commit("and one more", topic)

    def join_root(self) -> None:
        self.main = self.commit("Join another repository", self.main, self.commit("Another beginning"))

    def move_pull(self) -> None:
        if self.pulls:
            number = self.dice.choice(list(self.pulls))
            self.pulls[number] = self.commit("pushed to the pull request", self.pulls[number])

    def drop_pull(self) -> None:
        if self.pulls:
            number = self.dice.choice(list(self.pulls))
            del self.pulls[number]
            self.repository.git("update-ref", "-d", f"refs/pull/{number}/head")

    def tag(self) -> None:
        self.repository.git("update-ref", f"refs/tags/v{self.dice.randint(1, 4)}", self.dice.choice(self.line()))

    def untag(self) -> None:
        self.repository.git("update-ref", "-d", f"refs/tags/v{self.dice.randint(1, 4)}")

    def topic(self) -> str:
        if not self.topics:
            self.open()
        return self.topics.pop(self.dice.randrange(len(self.topics)))

    def know(self, head: str) -> None:
        if self.knows_pulls:
            self.pulls[max(self.number, 1)] = head

    @property
    def knows_pulls(self) -> bool:
        """Half of the clones have the heads of pull requests."""
        return self.repository.folder.name.startswith("with-pulls")

    def line(self) -> list[str]:
        """The first-parent line, oldest first."""
        line, sha = [self.main], self.main
        while self.parents[sha]:
            sha = self.parents[sha][0]
            line.append(sha)
        return line[::-1]
