"""Requests of strangers: refused by a sentence, never by the death of the server."""

import os
import random
import socket
import struct
import time

import pytest
import requests

from serving import CANDLES, Follower, Served, frame, handshake, job, served  # noqa: F401

TOKEN = "c3RyZWFtZXItdGVzdC10b2tlbi0x"


def raw(served, request, timeout=10):
    """The bytes that a request is answered with, until the server closes or is silent."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=timeout) as connection:
        connection.sendall(request if isinstance(request, bytes) else request.encode())
        connection.settimeout(2)
        found = b""
        try:
            while chunk := connection.recv(65_536):
                found += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return found


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def head(served, *lines, host=True):
    fields = [f"Host: 127.0.0.1:{served.port}"] if host else []
    return "\r\n".join(["GET /healthz HTTP/1.1", *fields, *lines, "", ""])


@pytest.mark.parametrize("host, expected", [
    ("evil.example", 421), ("localhost:1", 421), ("localhost", 421), ("x" * 300, 400), ("[::1", 400),
    ("a b", 400), ("", 400), ("127.0.0.1:port", 400), ("127.0.0.1:99999", 400), ("[zz]", 400),
    ("user@127.0.0.1", 400), ("é", 400)])
def test_hosts(served, host, expected):
    answer = raw(served, head(served, f"Host: {host}", host=False))
    assert status(answer) == expected, answer[:200]
    assert served.get("/healthz").status_code == 200


def test_own_names(served):
    for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        answer = raw(served, head(served, f"Host: {host}:{served.port}", "Connection: close",
                                  host=False))
        assert status(answer) == 200


def test_no_host_and_two(served):
    assert status(raw(served, head(served, host=False))) == 400
    assert status(raw(served, head(served, "Host: evil.example"))) == 400
    assert status(raw(served, head(served, f"Host: 127.0.0.1:{served.port}"))) == 400


@pytest.mark.parametrize("lines, expected", [
    (["Content-Length: 5"], {400}), (["Transfer-Encoding: chunked"], {400}),
    (["Content-Length: 0", "Content-Length: 0"], {400}),
    (["Content-Length: 5", "Transfer-Encoding: chunked"], {0, 400}),
    (["X: " + "y" * 9_000], {400, 413, 431}), ([f"X{n}: y" for n in range(80)], {431}),
    (["Sec-Fetch-Site: cross-site"], {403}), (["Origin: http://evil.example"], {403}),
    (["Origin: null"], {403})])
def test_heads(served, lines, expected):
    answer = raw(served, head(served, *lines, "Connection: close"))
    assert status(answer) in expected, answer[:200]
    assert answer.count(b"HTTP/1.1 ") <= 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "BREW"])
def test_methods(served, method):
    target = f"127.0.0.1:{served.port}" if method == "CONNECT" else "/"
    answer = raw(served, f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
                         "Connection: close\r\n\r\n")
    assert status(answer) in (400, 405), answer[:200]
    if status(answer) == 405:
        assert b"Allow: GET, HEAD" in answer


def test_a_body_is_not_taken_for_a_second_request(served):
    smuggled = f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n"
    for lines in (f"Content-Length: {len(smuggled)}", "Transfer-Encoding: chunked"):
        answer = raw(served, head(served, lines) + smuggled)
        assert status(answer) == 400 and answer.count(b"HTTP/1.1 ") == 1
        assert b"streamer_" not in answer


def test_answers_keep_others_out(served):
    answer = served.get("/healthz")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert requests.head(served.url + "/healthz", timeout=5).text == ""


@pytest.mark.parametrize("target", [
    "/..%2f..%2fetc%2fpasswd", "/%252e%252e/etc/passwd", "//", "/a//b", "/\\..\\", "/%00", "/a/%2e%2e",
    "/../../../etc/passwd", "/a/../a/page.js", "/%zz", "/a/page.js%2f", "/é", "/.", "/api/queries/..",
    "/api/queries/%2e%2e%2fcandles", "/a/index.html/x"])
def test_paths(served, target):
    answer = raw(served, f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
                         "Connection: close\r\n\r\n")
    assert status(answer) in (400, 404), answer[:200]


def test_random_paths_and_bytes(served):
    chance = random.Random(7)
    for _ in range(400):
        path = bytes(chance.choice(b"/.%abcdef0123456789\\?&=;:@!~ \t\x01\xff") for _ in
                     range(chance.randrange(1, 60)))
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
            connection.sendall(b"GET /" + path + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                               b"Connection: close\r\n\r\n" % served.port)
            connection.settimeout(5)
            try:
                answer = connection.recv(65_536)
            except (TimeoutError, ConnectionResetError):
                answer = b""
        # What begins with a question mark is the page with a query.
        allowed = (0, 200, 400, 404) if path[:1] == b"?" else (0, 400, 404)
        assert status(answer) in allowed, (path, answer[:100])
    assert served.get("/healthz").status_code == 200


# WebSockets

@pytest.mark.parametrize("lines, expected", [
    ([], 101), (["Origin: http://127.0.0.1:{port}"], 101), (["Origin: http://127.0.0.1:1"], 403),
    (["Origin: http://evil.example"], 403), (["Origin: null"], 403),
    (["Origin: http://localhost:{port}"], 403), (["Sec-Fetch-Site: same-site"], 403),
    (["Origin: http://127.0.0.1:{port}", "Origin: http://evil.example"], 403)])
def test_origins_of_sockets(served, lines, expected):
    lines = [line.format(port=served.port) for line in lines]
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(handshake(served, *lines))
        answer = connection.recv(4_096)
    assert status(answer) == expected
    if expected == 101:
        # The example of RFC 6455, section 1.3.
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer


def closing(served, *frames):
    """The code of the close frame that frames are answered with; 0 when there is none."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.settimeout(30)
        connection.sendall(handshake(served) + b"".join(frames))
        # The server shuts its side behind the close frame: the end is read, and is no reset.
        found = b""
        while chunk := connection.recv(65_536):
            found += chunk
    rest = found.split(b"\r\n\r\n", 1)[1]
    while len(rest) >= 2:
        opcode, count = rest[0] & 15, rest[1] & 127
        start = 2
        if count == 126:
            count, start = struct.unpack(">H", rest[2:4])[0], 4
        elif count == 127:
            count, start = struct.unpack(">Q", rest[2:10])[0], 10
        if opcode == 8:
            return struct.unpack(">H", rest[start:start + 2])[0] if count else 1005
        rest = rest[start + count:]
    return 0


@pytest.mark.parametrize("frames, code", [
    ([frame(1, b"{}", masked=False)], 1002), ([frame(1, b"{}", rsv=4)], 1002),
    ([frame(3, b"")], 1002), ([frame(1, b"\xff\xfe")], 1007),
    ([frame(1, b"x" * 5_000)], 1009), ([frame(1, b"x" * 100, length=(1 << 63) - 1)], 1009),
    ([frame(1, b"x" * 100, length=1 << 63)], 1002), ([frame(9, b"x" * 126)], 1002),
    # What comes behind a violation is read for nobody, however much it is.
    ([frame(3, b"")] + [frame(1, b"x" * 4_000)] * 1_000, 1002),
    ([frame(8, struct.pack(">H", 1_000) + b"\xff\xfe")], 1007), ([frame(8, b"x")], 1002),
    ([frame(8, struct.pack(">H", 1_000))], 1000), ([frame(8, b"")], 1005), ([frame(0, b"x")], 1002),
    ([frame(1, b"{", fin=False), frame(1, b"}")], 1002), ([frame(2, b"x")], 1003),
    ([frame(1, b"not json")], 1008), ([frame(1, b"[]")], 1008), ([frame(1, b"{}")], 1008),
    ([frame(1, b'{"replay":{"pause":true}}')], 1008), ([frame(9, b"")] * 1_000, 1008),
    ([frame(1, b'{"sub":[{"q":"candles","since":"zz"}]}')], 1008),
    ([frame(1, b'{"sub":[{"q":"candles","ms":-1}]}'), frame(8, struct.pack(">H", 1_000))], 1000),
])
def test_frames(served, frames, code):
    assert closing(served, *frames) == code
    assert served.get("/healthz").status_code == 200


def test_a_message_in_parts(served):
    assert closing(served, frame(1, b'{"a"', fin=False), frame(9, b""), frame(0, b":1}"),
                   frame(8, struct.pack(">H", 1_000))) == 1_000


def test_random_frames(served):
    chance = random.Random(11)
    for _ in range(150):
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
            connection.sendall(handshake(served) + chance.randbytes(chance.randrange(1, 300)))
    assert served.get("/healthz").status_code == 200


# Slow ones, and many

def test_slow_heads_are_closed(served):
    connections = [socket.create_connection(("127.0.0.1", served.port), timeout=30)
                   for _ in range(200)]
    begun = time.monotonic()
    for connection in connections:
        connection.sendall(b"G")
    # A real client is served meanwhile.
    assert served.get("/healthz").status_code == 200
    for connection in connections:
        connection.settimeout(20)
        try:
            while connection.recv(100):
                pass
        except ConnectionResetError:
            pass
        connection.close()
    assert time.monotonic() - begun < 20
    refused = served.get("/metrics").text
    assert 'streamer_http_refused_total{reason="slow"}' in refused


def test_a_client_that_reads_nothing_holds_nobody_up(served):
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(20)]
    for connection in silent:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        connection.sendall(handshake(served) + frame(1, b'{"sub":[{"q":"candles"},{"q":"minutes"}]}'))
    follower = Follower(served, [{"q": "candles"}])
    follower.until(lambda: follower.changes > 20)
    follower.close()
    for connection in silent:
        connection.close()


# A token

@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    from conftest import Workspace
    workspace = Workspace(tmp_path_factory.mktemp("guarded"))
    workspace.job(job([CANDLES]))
    (workspace.path / "token").write_text(TOKEN + "\n")
    served = Served(workspace, "run", "job.json", "--serve", 0, "--token-file", "token",
                    "--bind", "0.0.0.0", "--allow-host", "prices.example")
    yield served
    served.stop()


def test_a_token(guarded):
    assert guarded.get("/healthz").status_code == 401
    for wrong in ("", "x" * len(TOKEN), TOKEN[:-1], TOKEN + "x"):
        assert guarded.get("/healthz", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
    assert guarded.get("/healthz", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.get("/?token=wrong", allow_redirects=False).status_code == 401
    session = requests.Session()
    answer = session.get(guarded.url + f"/?token={TOKEN}", allow_redirects=False, timeout=5)
    assert answer.status_code == 303 and answer.headers["Location"] == "/"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert session.get(guarded.url + "/healthz", timeout=5).status_code == 200
    assert TOKEN not in guarded.messages
    authorised = {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in guarded.get("/metrics", headers=authorised).text
    assert TOKEN not in guarded.get("/api/jobs", headers=authorised).text
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=5) as connection:
        connection.sendall(handshake(guarded))
        assert status(connection.recv(4_096)) == 401


def test_another_name_that_is_allowed(guarded):
    answer = raw(guarded, f"GET /healthz HTTP/1.1\r\nHost: prices.example\r\n"
                          f"Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n")
    assert status(answer) == 200


def test_secrets_of_the_job_are_not_shown(workspace):
    workspace.job({**job([CANDLES]), "name": "live"})
    text = (workspace.path / "job.json").read_text().replace('"lake/candles"', '"lake/${FOLDER}"')
    (workspace.path / "job.json").write_text(text)
    served = Served(workspace, "run", "job.json", "--serve", 0, FOLDER="hidden-value")
    try:
        answer = served.get("/api/jobs").text
        assert "${FOLDER}" in answer and "hidden-value" not in answer
    finally:
        served.stop()


def test_few_descriptors(workspace):
    """A flood of connections takes the engine no descriptor: it commits on."""
    import resource
    import subprocess
    workspace.job(job([CANDLES]))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        served = Served(workspace, "run", "job.json", "--serve", 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        connections = []
        for _ in range(400):
            connections.append(socket.create_connection(("127.0.0.1", served.port), timeout=5))
        def batches():
            commits = workspace.path / "checkpoints/live/commits"
            return max((int(path.name) for path in commits.glob("[0-9]*")), default=-1)
        before = batches()
        served.wait(lambda: batches() > before + 3)
        for connection in connections:
            connection.close()
        served.wait(lambda: served.get("/healthz").status_code == 200)
        assert "EMFILE" not in served.messages and "Too many open files" not in served.messages
    finally:
        served.stop()
    assert subprocess and os
