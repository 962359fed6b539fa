"""The daemon is ready when everything stands, and alive while its engine turns."""

from __future__ import annotations

from ingestd.telemetry.health import ENGINE_STILL_SECONDS_MAX, WORKER_STILL_SECONDS_MAX, EngineWatch, Readiness


class Engine:
    def __init__(self, *names):
        self.counts = dict.fromkeys(names, 1)
        self.seconds = 0.0
        self.watch = EngineWatch(lambda: self.counts, now_seconds=lambda: self.seconds)

    def pass_time(self, seconds, *turning):
        self.seconds += seconds
        for name in turning:
            self.counts[name] += 1


def test_an_engine_that_turns_is_alive_for_ever():
    engine = Engine("processor", "dispatcher:sms")
    for _ in range(1000):
        assert engine.watch.stalled() == []
        engine.pass_time(ENGINE_STILL_SECONDS_MAX, "processor", "dispatcher:sms")


def test_an_engine_in_which_nothing_turns_is_stalled():
    engine = Engine("processor", "janitor")
    assert engine.watch.stalled() == []
    engine.pass_time(ENGINE_STILL_SECONDS_MAX)
    assert engine.watch.stalled() == []
    engine.pass_time(1)
    assert engine.watch.stalled() == ["engine: no worker has turned for 46 s"]
    engine.pass_time(0, "janitor")
    assert engine.watch.stalled() == []


def test_one_worker_may_be_slow_but_not_for_ever():
    engine = Engine("processor", "dispatcher:jira")
    engine.watch.stalled()
    for _ in range(int(WORKER_STILL_SECONDS_MAX / 10)):
        engine.pass_time(10, "processor")
        assert engine.watch.stalled() == []
    engine.pass_time(10, "processor")
    assert engine.watch.stalled() == ["engine: dispatcher:jira has not turned for 130 s"]


def test_looking_seldom_does_not_look_like_a_stall():
    engine = Engine("processor")
    engine.watch.stalled()
    engine.pass_time(3600, "processor")
    assert engine.watch.stalled() == []


def test_an_engine_without_workers_is_no_engine():
    assert Engine().watch.stalled() == ["engine: no worker runs"]


def test_readiness_names_what_is_missing_until_it_is_there():
    ready = Readiness(["database", "listener"])
    assert ready.missing() == ["database: not yet", "listener: not yet"]
    ready.ready("database")
    assert ready.missing() == ["listener: not yet"]
    ready.ready("listener")
    assert ready.missing() == []
    ready.unready("listener", "stopping")
    assert ready.missing() == ["listener: stopping"]


def test_readiness_waits_for_the_first_turn_of_every_worker():
    engine = Engine("processor", "janitor")
    engine.counts["janitor"] = 0
    ready = Readiness(engine=engine.watch)
    assert ready.missing() == ["engine: janitor has not turned yet"]
    engine.pass_time(1, "janitor")
    assert ready.missing() == []
