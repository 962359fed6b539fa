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
