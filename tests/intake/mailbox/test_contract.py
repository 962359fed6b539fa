"""What a mailbox promises, on a model and on a real Dovecot: each mail becomes one envelope, whatever dies and whoever else is at work."""

from __future__ import annotations

import contextlib
import threading

import pytest

from ingestd.errors import StoreBusy
from ingestd.intake.mailbox_client import Refused
from tests.intake.mailbox.conftest import Account, Died, mail


def test_at_the_first_look_what_is_unseen_is_taken_and_then_everything_new(account, visitor, desk):
    visitor.deliver(mail("old"), flags=r"(\Seen)")
    visitor.deliver(mail("waits"))
    account.look()
    assert desk.subjects() == ["waits"]
    visitor.deliver(mail("new"))
    visitor.deliver(mail("new and seen by somebody"), flags=r"(\Seen)")
    account.look()
    account.look()
    assert desk.subjects() == ["new", "new and seen by somebody", "waits"]
    assert visitor.count("UNSEEN") == 0


@pytest.mark.parametrize(("start_with", "taken"), [("new", ["new"]), ("all", ["new", "old", "waits"])])
def test_the_first_look_can_begin_elsewhere(server, visitor, desk, start_with, taken):
    account = Account(server, desk, start_with=start_with)
    visitor.deliver(mail("old"), flags=r"(\Seen)")
    visitor.deliver(mail("waits"))
    account.look()
    visitor.deliver(mail("new"))
    account.restart()
    account.look()
    assert desk.subjects() == taken


def test_reading_marks_nothing_until_the_commit(account, visitor, desk):
    visitor.deliver(mail())
    desk.is_busy = True
    with pytest.raises(StoreBusy):
        account.look()
    assert visitor.count("UNSEEN") == 1
    desk.is_busy = False
    account.look()
    assert visitor.count("UNSEEN") == 0
    assert desk.subjects() == ["disk full"]


def test_what_somebody_opens_in_a_browser_before_us_is_taken_all_the_same(account, visitor, desk):
    account.look()
    visitor.deliver(mail())
    visitor.flag(r"\Seen")
    account.restart()
    account.look()
    assert desk.subjects() == ["disk full"]


def test_what_somebody_has_marked_as_deleted_is_taken_and_not_removed_by_us(account, visitor, desk):
    account.look()
    visitor.deliver(mail())
    visitor.flag(r"\Deleted")
    account.look()
    assert desk.subjects() == ["disk full"]
    assert visitor.count() == 1


def test_what_somebody_marks_as_unseen_again_is_not_taken_again(account, visitor, desk):
    visitor.deliver(mail())
    account.look()
    visitor.flag(r"\Seen", "-")
    account.restart()
    account.look()
    assert len(desk.stored()) == 1
    assert visitor.count("UNSEEN") == 1


@pytest.mark.parametrize("point", ["before store", "after store", "before keep", "after keep"])
def test_a_death_at_any_point_loses_nothing_and_doubles_nothing(account, visitor, desk, point):
    account.look()
    visitor.deliver_all([mail(f"mail {number}") for number in range(3)])

    def die(at: str) -> None:
        if at == point:
            raise Died

    desk.at = die
    with pytest.raises(Died):
        account.look()
    desk.at = lambda _point: None
    account.restart()
    account.look()
    assert desk.subjects() == ["mail 0", "mail 1", "mail 2"]
    assert visitor.count("UNSEEN") == 0


def test_a_server_that_numbers_anew_brings_nothing_twice_and_hides_nothing(account, server, visitor, desk):
    visitor.deliver(mail("one"))
    visitor.deliver(mail("two"))
    account.look()
    visitor.deliver(mail("three"))
    visitor.flag(r"\Seen")
    server.renumber()
    account.look()
    assert desk.subjects() == ["one", "three", "two"]
    assert account.counted("known") == 2
    visitor.deliver(mail("four"))
    account.restart()
    account.look()
    assert desk.subjects() == ["four", "one", "three", "two"]


def test_a_server_that_numbers_anew_between_commit_and_note_brings_nothing_twice(account, server, visitor, desk):
    account.look()
    visitor.deliver(mail("one"))

    def die(at: str) -> None:
        if at == "after store":
            raise Died

    desk.at = die
    with pytest.raises(Died):
        account.look()
    desk.at = lambda _point: None
    server.renumber()
    account.restart()
    account.look()
    assert desk.subjects() == ["one"]


def test_mail_that_somebody_moves_away_and_back_is_known(account, visitor, desk):
    visitor.create("Later")
    visitor.deliver(mail())
    account.look()
    visitor.move("INBOX", "Later")
    account.look()
    visitor.move("Later", "INBOX")
    account.look()
    assert len(desk.stored()) == 1
    assert account.counted("known") == 1


def test_mail_that_somebody_moves_in_is_taken_however_old_its_number_was(account, visitor, desk):
    visitor.create("Later")
    visitor.deliver(mail("in the wrong folder"), "Later", r"(\Seen)")
    account.look()
    visitor.move("Later", "INBOX")
    account.look()
    assert desk.subjects() == ["in the wrong folder"]


def test_mail_that_somebody_removes_before_us_is_no_error(account, visitor, desk):
    account.look()
    visitor.deliver(mail("gone"))
    visitor.empty()
    visitor.deliver(mail("stays"))
    account.look()
    assert desk.subjects() == ["stays"]


def test_mail_that_vanishes_between_the_search_and_the_fetch_is_no_error(account, visitor, desk):
    account.look()
    client = account.connect()
    visitor.deliver(mail("gone"))
    visitor.deliver(mail("gone too"))
    client.select("INBOX")
    assert len(client.search("ALL")) == 2
    visitor.empty()
    visitor.deliver(mail("stays"))
    with contextlib.suppress(
        Refused
    ):  # Dovecot says that it is there and has no content: the next look tells what is to be made of it
        assert client.fetch(1, 1000) is None
    client.close()
    account.look()
    assert desk.subjects() == ["stays"]


def test_what_was_taken_can_be_moved(server, visitor, desk):
    visitor.create('"Taken/by ingestd"')
    account = Account(server, desk, move_to="Taken/by ingestd")
    visitor.deliver(mail("one"))
    visitor.deliver(mail("two"))
    account.look()
    assert visitor.count() == 0
    assert visitor.count("SEEN", '"Taken/by ingestd"') == 2
    visitor.deliver(mail("three"))
    account.look()
    assert desk.subjects() == ["one", "three", "two"]


def test_a_folder_to_move_to_that_does_not_exist_stops_no_mail(server, visitor, desk):
    account = Account(server, desk, move_to="Nowhere")
    visitor.deliver(mail())
    account.look()
    assert desk.subjects() == ["disk full"]
    assert visitor.count("SEEN") == 1


def test_a_folder_with_a_name_in_another_script(server, visitor, desk):
    visitor.create('"Meldungen &- &ANw-berwachung"')
    visitor.deliver(mail(), '"Meldungen &- &ANw-berwachung"')
    account = Account(server, desk, folder="Meldungen & Überwachung")
    account.look()
    assert desk.subjects() == ["disk full"]


def test_who_the_mail_was_for_decides_the_source(account, visitor, desk):
    visitor.deliver(mail("a", top="Return-Path: <nagios@db1.example.com>\r\nDelivered-To: Alerts+Disk@example.com\r\n"))
    visitor.deliver(mail("b", top="X-Original-To: alerts+other@example.com\r\nDelivered-To: ops@example.com\r\n"))
    visitor.deliver(mail("c", top="Received: from x\r\nDelivered-To: alerts+disk@example.com\r\n"))
    account.look()
    assert [source for source, _, _ in desk.stored()] == ["disks", "mail", "mail"]
    arrival = desk.stored()[0][1]
    assert (arrival.door, arrival.account, arrival.folder, arrival.uid) == ("imap", "ops", "INBOX", 1)
    assert arrival.uid_validity > 0
    assert arrival.sender == "nagios@db1.example.com"
    assert arrival.recipients == ("alerts+disk@example.com",)


def test_a_backlog_is_taken_in_pieces_and_whole(account, visitor, desk):
    visitor.deliver_all([mail(f"mail {number:02}") for number in range(47)])
    account.look()
    assert desk.subjects() == [f"mail {number:02}" for number in range(47)]
    assert [arrival.uid for _, arrival, _ in desk.stored()] == list(range(1, 48))


def test_a_message_that_is_too_large_is_taken_as_far_as_it_may_be(account, visitor, desk):
    most = account.routes.bytes_max
    large = mail("large", body="x" * 76)[:-2] + (b"x" * 76 + b"\r\n") * (most // 78)
    visitor.deliver(large)
    visitor.deliver(mail("small"))
    account.look()
    (_, arrival, raw), (_, _, small) = desk.stored()
    assert arrival.is_cut
    assert raw == large[:most]
    assert small == mail("small")


def test_news_comes_at_once_while_it_idles(account, visitor, desk):
    client = account.connect()
    account.reader.look(client)
    assert client.can_idle
    found: list[bool] = []
    waiting = threading.Thread(target=lambda: found.append(client.idle(20)))
    waiting.start()
    visitor.deliver(mail())
    waiting.join(15)
    assert found == [True]
    account.reader.look(client)
    assert desk.subjects() == ["disk full"]
    assert client.idle(0.1) is False
    client.part()


def test_news_that_came_before_it_idles_is_noticed(account, visitor, desk):
    client = account.connect()
    account.reader.look(client)
    visitor.deliver(mail())
    assert client.idle(20) is True
    account.reader.look(client)
    assert desk.subjects() == ["disk full"]
    client.part()


def test_another_place_under_the_same_name_begins_anew(server, visitor, desk):
    visitor.create("Second")
    visitor.deliver(mail("first"))
    Account(server, desk).look()
    visitor.deliver(mail("second"), "Second")
    Account(server, desk, folder="Second").look()
    assert desk.subjects() == ["first", "second"]
