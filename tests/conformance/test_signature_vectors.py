"""Signatures that others published: valid ones are taken, others refused, by function and by HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from core.settings import Settings
from ingestion.webhooks.signatures import hub_signature_is_valid, sign
from tests.conformance.conftest import Database
from tests.conftest import front_door_of
from tests.real_data import shared_data


def vectors() -> list[dict[str, Any]]:
    """The published vectors: secret, payload, header, and whether it is valid."""
    found: list[dict[str, Any]] = json.loads(shared_data("security/github_signature_vectors.json").read_text())
    return found


def test_published_signatures_are_judged_as_published() -> None:
    judged = {
        vector["source"]: hub_signature_is_valid(vector["secret"], vector["payload"].encode(), vector["signature"])
        for vector in vectors()
    }
    assert judged == {vector["source"]: vector["valid"] for vector in vectors()}
    assert sorted(judged.values()) == [False, True, True, True]


def test_what_we_sign_is_what_they_signed() -> None:
    for vector in vectors():
        signature = vector["signature"].removeprefix("sha256=")
        assert sign(vector["secret"], vector["payload"].encode()) == f"sha256={signature}"


@pytest.mark.parametrize("changed", ["payload", "secret"])
def test_another_byte_makes_a_valid_signature_invalid(changed: str) -> None:
    for vector in vectors():
        altered = vector | {changed: vector[changed] + " "}
        # A blank at the end of a secret is a newline's cousin from an editor, and is cut off.
        secret = altered["secret"] if changed == "payload" else altered["secret"].strip() + "x"
        assert not hub_signature_is_valid(secret, altered["payload"].encode(), altered["signature"])


def test_the_sink_judges_the_vectors_by_http(recording: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    for vector in vectors():
        folder = tmp_path_factory.mktemp("secrets")
        settings: Settings = recording.settings.model_copy(update={"secrets_folder": folder})
        (folder / "github_webhook_secret").write_text(vector["secret"])
        with front_door_of(recording.engine, settings, tmp_path_factory.mktemp("archive")) as door:
            answer = httpx.post(
                f"{door.url}/webhooks/github",
                content=vector["payload"],
                headers={vector["header"]: vector["signature"], "X-GitHub-Event": "ping"},
            )
        is_object = vector["payload"].startswith("{")
        # A valid signature gets as far as the body, which must be a JSON object.
        assert answer.status_code == ((202 if is_object else 400) if vector["valid"] else 401)
