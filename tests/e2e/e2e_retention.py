#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a killed receiver left going on is over at its next start; the forecast leaves out what is locked."""
import os
import re
import sqlite3
import time

from sightline import Site, check, run_tests

SEGMENT = ("insert into segments(uuid,camera,location,path,start,duration,bytes,frames,sounds,sound,width,height,gaps,gaps_us,"
           "clock,boot,mono,open,locked) values(?,'yard','','yard/none.mp4',?,9000000,5,1,0,0,0,0,0,0,1,'',0,0,0)")


def query(site, text, *values):
    base = sqlite3.connect(os.path.join(site.data, "catalogue.db"), timeout=10)
    with base:
        rows = base.execute(text, values).fetchall()
    base.close()
    return rows


def test_what_a_kill_left_is_over():
    with Site() as site:
        site.add_camera("yard")
        site.receiver.kill()
        begun = int((time.time() - 3600) * 1e6)
        query(site, "insert or ignore into cameras(name) values('yard')")
        query(site, SEGMENT, "u1", begun)
        query(site, SEGMENT, "u2", begun + 9_000_000)
        query(site, "insert into events(camera,type,start,end,until,duration,score,detail)"
                    " values('yard','motion',?,0,9223372036854775807,0,1,'')", begun + 1)
        query(site, "insert into sessions(camera,connected) values('yard',?)", begun)
        site.start_receiver()
        check(query(site, "select end from events") == [(begun + 18_000_000,)], "the event goes on")
        check(query(site, "select disconnected, why from sessions") == [(begun + 18_000_000, "the receiver ended")],
              f"the session: {query(site, 'select * from sessions')}")


def test_the_forecast_is_of_what_may_go():
    with Site() as site:
        site.add_camera("yard")
        now = int(time.time())
        query(site, "insert or ignore into cameras(name) values('yard')")
        query(site, SEGMENT, "u1", (now - 20 * 86400) * 1_000_000)
        query(site, SEGMENT, "u2", (now - 2 * 86400) * 1_000_000)
        site.admin("camera", "set", "yard", "--keep", "25d")

        def days():
            text = "\n".join(site.admin("recordings", "usage"))
            when = re.search(r"deleted from (\S+)\.\d+Z on, by age", text)
            check(when, text)
            return (time.mktime(time.strptime(when[1] + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) - time.timezone - now) / 86400

        check(abs(days() - 5) < 0.1, f"in {days()} days")
        query(site, "update segments set locked = 1 where uuid = 'u1'")
        check(abs(days() - 23) < 0.1, f"in {days()} days, locked")


def test_what_was_recorded_before_is_in_order_without_recording():
    with Site() as site:
        sender = site.sender(site.add_camera("yard"), "--video", "test", "--audio", "none", "--size", "320x180", "--gop", "1s")
        sender.wait_line("live yard")
        end = time.monotonic() + 30
        while not query(site, "select 1 from segments where open = 1 and bytes > 20000") and time.monotonic() < end:
            time.sleep(0.05)
        site.receiver.kill()
        sender.stop()
        (path,), = query(site, "select path from segments where open = 1")
        path = os.path.join(site.data, "recordings", path)
        os.truncate(path, os.path.getsize(path) - 100)
        torn = os.path.getsize(path)
        site.start_receiver("--no-record")
        end = time.monotonic() + 30
        while query(site, "select 1 from segments where open = 1") and time.monotonic() < end:
            time.sleep(0.02)
        files, = query(site, "select count(*), sum(open) from segments")  # two where a quarter of an hour began meanwhile
        check(files in ((1, 0), (2, 0)) and os.path.getsize(path) < torn, f"not put in order: {files}")
        check(query(site, "select count(*) from sessions where disconnected is null") == [(0,)], "the session goes on")
        check(site.admin("check", "--deep") == [f"{files[0]} files, {files[0]} rows, 0 differences"], "check")
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
        base = os.path.join(site.data, "catalogue.db")
        for end in ("-wal", "-shm"):
            if os.path.exists(base + end):
                os.remove(base + end)
        with open(base, "w") as file:
            file.write("no database, but long enough to be taken for one" * 100)
        site.start_receiver("--no-record")  # live goes on
        site.receiver.wait_line("what was recorded before is not looked after", tag="err")


def test_nothing_is_made_without_recording():
    with Site(receiver=False) as site:
        site.start_receiver("--no-record")
        check(site.receiver.stop() == 0, "the receiver did not leave with 0")
        there = [name for name in ("catalogue.db", "recordings", "snapshots") if os.path.exists(os.path.join(site.data, name))]
        check(not there, f"{there}")


if __name__ == "__main__":
    run_tests([], beside=[test_what_was_recorded_before_is_in_order_without_recording, test_what_a_kill_left_is_over,
                          test_the_forecast_is_of_what_may_go, test_nothing_is_made_without_recording])
