"""One life of the daemon, as far as it needs no socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd import app
from ingestd.app import Daemon, load_all
from ingestd.errors import IngestdError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (IngestdError("the package is somebody else's"), "the package is somebody else's"),
        (ImportError("no module named sesame"), "ImportError: no module named sesame"),
        (OSError(13, "Permission denied"), "[Errno 13] Permission denied"),
    ],
)
async def test_whatever_a_connector_does_at_a_reload_the_old_configuration_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    path = root / "config.example.yaml"
    loaded, registry = load_all(path)
    daemon = Daemon(path, loaded, registry)

    def fail(_path: Path) -> None:
        raise error

    monkeypatch.setattr(app, "load_all", fail)
    assert await daemon.reload() == [reason]
    assert daemon.loaded is loaded


async def test_the_secrets_of_every_configuration_are_hidden_wherever_a_service_repeats_them(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    text = (root / "config.example.yaml").read_text().replace("path: rules ", f"path: {root / 'rules'} ")
    loopback = "loopback_without_token: true"
    path.write_text(text.replace(loopback, "tokens: [{name: a, role: admin, token: the-old-one-0123456}]"))
    daemon = Daemon(path, *load_all(path))
    monkeypatch.setattr(daemon, "webhooks", Bystander(), raising=False)
    monkeypatch.setattr(daemon, "engine", Bystander(), raising=False)
    path.write_text(text.replace(loopback, "tokens: [{name: a, role: admin, token: the-new-one-0123456}]"))
    assert await daemon.reload() == []
    for secret in ("the-old-one-0123456", "the-new-one-0123456"):
        assert daemon._current.standing.hide(f"you sent {secret}") == "you sent ***"


class Bystander:
    """Stands where the parts of a started daemon are told of a reload."""

    def replace(self, _doors: object) -> None: ...

    def use(self, _connectors: object) -> None: ...
