"""Mail into a maildir: complete or absent, and recognisable when repeated."""

from __future__ import annotations

import mailbox
import os
import stat
from pathlib import Path

import pytest

from ingestd.errors import TryLater
from ingestd.net.mail_sender import sender
from ingestd.net.maildir_sender import file_name
from ingestd.ports import Mail


def mail(message_id: str = "<inc-1042.page.1@example.com>", body: bytes = b"hello") -> Mail:
    return Mail("ingestd@example.com", "asha@example.com", message_id, b"Subject: x\r\n\r\n" + body + b"\r\n")


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "new").iterdir())


async def test_a_mail_can_be_read_by_other_programs(tmp_path):
    folder = tmp_path / "var" / "mail"
    words = await sender({"maildir": str(folder)}).send(mail())
    [message] = mailbox.Maildir(folder, create=False)
    assert message["subject"] == "x"
    assert message.get_payload() == "hello\n"
    assert words == f"stored as new/{stored(folder)[0].name}"
    assert list((folder / "tmp").iterdir()) == []


async def test_a_repeat_replaces_what_was_not_read_yet(tmp_path):
    out = sender({"maildir": tmp_path})
    await out.send(mail(body=b"first"))
    await out.send(mail(body=b"second"))
    [path] = stored(tmp_path)
    assert b"second" in path.read_bytes()


async def test_two_pages_are_two_files(tmp_path):
    out = sender({"maildir": tmp_path})
    await out.send(mail("<a@example.com>"))
    await out.send(mail("<b@example.com>"))
    assert len(stored(tmp_path)) == 2


async def test_only_the_owner_may_read_a_page(tmp_path):
    await sender({"maildir": tmp_path / "mail"}).send(mail())
    assert stat.S_IMODE(stored(tmp_path / "mail")[0].stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "mail" / "new").stat().st_mode) == 0o700


async def test_a_crash_before_the_rename_leaves_no_mail(tmp_path, monkeypatch):
    def crash(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", crash)
    out = sender({"maildir": tmp_path})
    (tmp_path / "tmp").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "cur").mkdir()
    with pytest.raises(TryLater, match="No space left"):
        await out.send(mail())
    assert stored(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_a_place_that_cannot_be_a_maildir_is_tried_later(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    out = sender({"maildir": tmp_path / "file" / "mail"})
    with pytest.raises(TryLater, match="cannot be written"):
        await out.send(mail())
    assert "cannot be written" in await out.check()


async def test_the_check_makes_nothing(tmp_path):
    out = sender({"maildir": tmp_path / "a" / "b"})
    assert await out.check() == f"maildir {tmp_path / 'a' / 'b'}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "message_id", ["<../../etc/passwd>", "<a:2,S@b>", "<.hidden@x>", "<" + "x" * 5000 + ">", "<ü\ud800@x>"]
)
def test_any_message_id_gives_a_plain_file_name(message_id):
    name = file_name(message_id)
    assert name.isascii()
    assert not set(name) & set("/:,\\\0 ")
    assert not name.startswith(".")
    assert len(name) <= 120
