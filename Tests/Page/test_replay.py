"""A replay with a page: paused, faster, sent forward, begun anew, and in the end as one without."""

import json
import signal

import pytest

from browser import browser
from conftest import Workspace
from serving import CANDLES, KPI, Follower, Served, job

ROWS, INTERVAL_MS = 60_000, 10
FROM = 1_767_623_400_000  # 2026-01-05T14:30:00Z
TO = FROM + (ROWS - 1) * INTERVAL_MS


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Ten minutes of ticks in a log, and what a replay without a page makes of them."""
    workspace = Workspace(tmp_path_factory.mktemp("recorded"))
    text = job([CANDLES, KPI], trigger={"availableNow": True}, ticks=ROWS, rate="max",
               start="2026-01-05T14:30:00Z", interval=f"{INTERVAL_MS} ms")
    text["source"]["maxOffsetsPerTrigger"] = 3_000
    text["watermark"]["closeAtEnd"] = True
    workspace.job(text)
    workspace.run("run", "job.json")
    workspace.run("replay", "job.json", "--into", "plain")
    return workspace


def replay(workspace, into, *arguments, port=0):
    return Served(workspace, "replay", "job.json", "--into", into, "--serve", port, *arguments)


class Controls(Follower):
    """A page that has a replay in its hands."""

    def ask(self, **wanted):
        self.socket.send(json.dumps({"replay": wanted}))

    @property
    def replay(self):
        return (self.status or self.hello)["replay"]

    def note(self, message, key, row):
        # A whole result comes again and again.
        if message["q"] == "candles":
            super().note(message, key, row)


def following(served):
    return Controls(served, [{"q": "candles"}, {"q": "kpi"}])


def rows(workspace, into, table="candles"):
    return workspace.query(f"SELECT * FROM read_parquet('{workspace.path}/{into}/lake/{table}/**/*.parquet') "
                           "ORDER BY ALL")


def ended(follower):
    follower.until(lambda: follower.replay["ended"], seconds=180)
    return True


def test_speed_pause_and_jump(recorded):
    served = replay(recorded, "controlled", "--speed", "10x")
    follower = following(served)
    first = follower.until(lambda: follower.status and follower.replay)
    assert (first["speed"], first["from"], first["paused"], first["ended"]) == (10, FROM, False, False)
    # Ticks may come out of order by 200 ms.
    assert abs(first["to"] - TO) <= 200
    follower.until(lambda: follower.replay["at"] > FROM + 2_000)
    follower.ask(pause=True)
    follower.until(lambda: follower.replay["paused"])
    at, count = follower.replay["at"], len(follower.messages)
    # While it stands still nothing is read: the next news is of the same moment.
    follower.until(lambda: follower.messages[count:].count("status") >= 3)
    assert follower.replay["at"] == at and follower.status["max"] <= at
    follower.ask(jump=at - 1_000)
    assert "begin anew" in follower.until(lambda: follower.notices)[0]
    follower.ask(jump=FROM + 200_000)
    follower.until(lambda: follower.status["max"] >= FROM + 199_000)
    assert follower.replay["paused"] and follower.replay["at"] == FROM + 200_000
    follower.ask(pause=False)
    follower.ask(speed=1_000)
    follower.until(lambda: follower.replay["speed"] == 1_000 and follower.replay["at"] > FROM + 250_000)
    follower.ask(speed="max")
    # At 1,000 times its pace it may be through before it is asked.
    assert ended(follower) and follower.replay["speed"] in (None, 1_000)
    # Whoever looks on has every final, and the page stays when all is read.
    expected = {("candles", row[0], int(row[1].timestamp() * 1_000)) for row in rows(recorded, "controlled")}
    newest = max(key[2] for key in expected)
    follower.until(lambda: any(key[2] == newest for key in follower.finals))
    assert served.get("/api/jobs").status_code == 200
    assert "page stays until Ctrl-C" in served.messages
    follower.close()
    assert served.stop() == 0
    for table in ("candles", "kpi"):
        assert rows(recorded, "controlled", table) == rows(recorded, "plain", table)


def test_pauses_kills_and_anew_leave_the_same_bytes(recorded):
    """As fast as possible its batches are those of a replay without a page, and so are their files."""
    served = replay(recorded, "paged")
    port = served.port
    follower = following(served)
    follower.ask(pause=True)
    # A fast machine is through before it is asked.
    follower.until(lambda: follower.status and (follower.replay["paused"] or follower.replay["ended"]))
    if not follower.replay["ended"]:
        # The batch that ran when it was asked for is finished; then it stands still.
        held = []
        while len(held) < 4 or len(set(held[-4:])) > 1:
            count = len(follower.messages)
            follower.until(lambda: "status" in follower.messages[count:])
            held.append(follower.status["batch"])
        assert not follower.replay["ended"]
    follower.ask(pause=False)
    served.stop(signal.SIGKILL)
    served = replay(recorded, "paged", port=port)
    follower = following(served)
    assert ended(follower)
    assert recorded.files("paged/lake") == expected(recorded, "paged")
    run = follower.run
    follower.ask(restart=True)
    # What was written is removed and written anew, on the same port.
    served.wait(lambda: "removed paged/checkpoints/live" in served.messages)
    follower = served.wait(lambda: following(served))
    assert follower.run != run and ended(follower)
    follower.close()
    assert served.stop() == 0
    assert recorded.files("paged/lake") == expected(recorded, "paged")


def expected(workspace, into):
    """The files of the replay without a page, as they are named in another folder."""
    return {name.replace("plain/", into + "/", 1): digest
            for name, digest in workspace.files("plain/lake").items()}


def test_the_controls_of_the_page(recorded):
    served = replay(recorded, "seen", "--speed", "10x")
    with browser() as page:
        page.open(served)
        page.choose("Candles", "IBM")
        state = "return window.__streamer.store.replay"
        page.wait(f"{state}?.speed === 10 && !document.getElementById('replay').hidden")
        page.js("document.activeElement.blur()")
        page.keys(" ")
        page.wait(f"{state}.paused")
        assert "paused" in page.wait("return document.getElementById('replayClock').textContent")
        assert page.js("return document.getElementById('play').textContent") == "Go on"
        page.js("document.getElementById('jump').value = '2026-01-05T14:33:20'")
        page.js("document.getElementById('jumpTo').click()")
        page.wait(f"{state}.at === arguments[0]", FROM + 200_000)
        page.wait("return window.__streamer.page.bars.last()?.time >= arguments[0]", FROM + 198_000)
        page.js("document.getElementById('jump').value = '2026-01-05T14:31:00'")
        page.js("document.getElementById('jumpTo').click()")
        page.wait("return document.getElementById('replayNote').textContent.includes('begin anew')")
        page.picture("replay-dark-1280")
        assert page.axe() == []
        page.press("#speeds", "max")
        page.keys(" ")
        page.wait(f"{state}.ended")
        page.wait("return window.__streamer.page.bars.last().time >= arguments[0]", TO - 2_000)
        page.wait("return document.getElementById('play').textContent === 'Begin anew'")
        page.press("#speeds", "10×")
        page.js("document.getElementById('anew').click()")
        # The page is at the beginning again, with nothing of what comes later.
        page.wait(f"{state} && !{state[7:]}.ended && window.__streamer.page.bars?.times.length > 0 && "
                  "window.__streamer.page.bars.last().time < arguments[0]", TO - 10_000)
        page.wait("return document.getElementById('connection').className.includes('live')")
    served.stop()


def test_a_pace_is_no_silence(workspace):
    """Rows that have not come yet are waited for: what closes at the end stays open until then."""
    text = job([CANDLES], trigger={"availableNow": True}, ticks=60, rate="max",
               start="2026-01-05T14:30:00Z", interval="300 ms", symbols=["IBM"], outOfOrderShare=0)
    text["watermark"]["closeAtEnd"] = True
    workspace.job(text)
    workspace.run("run", "job.json")
    workspace.run("replay", "job.json", "--into", "plain")
    done = workspace.run("replay", "job.json", "--into", "slow", "--speed", "10x")
    assert " late" not in done.err
    assert rows(workspace, "slow") == rows(workspace, "plain")


@pytest.mark.parametrize("arguments, message", [
    (["--from-checkpoint", "--serve", "0"], "--serve shows a replay of the log"),
    (["--bind", "127.0.0.1"], "--bind goes with --serve"),
    (["--serve", "0", "--speed", "fast"], "--speed takes max or a multiple")])
def test_mistakes(recorded, arguments, message):
    assert message in recorded.run("replay", "job.json", *arguments, check=2).err
