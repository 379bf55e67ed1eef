"""A peer between streamer and the server that cuts connections and changes what passes.

It speaks the frames of PostgreSQL's protocol, version 3: a byte that tells the kind, four bytes of
length, the content. Connections through it are not encrypted.
"""

import selectors
import socket
import struct
import threading
import time

from server import free_port

COMMIT = b"COMMIT\0"


def frame(kind, content):
    return kind + struct.pack("!I", len(content) + 4) + content


class Proxy:
    """Passes frames on; `sabotage`, if there is one, may change them.

    `cuts` says for COMMITs, counted from 1 over all connections, whether to cut "before" the server
    gets it, "after" it has answered, which streamer does not learn then, or "late": the server gets
    it when streamer has connected again. Setups are counted too.
    """

    def __init__(self, port, sabotage=None):
        self.target = port
        self.port = free_port()
        self.sabotage = sabotage
        self.cuts = {}
        self.commits = 0
        # What streamer said: all of it, and by connection.
        self.passed = []
        self.conversations = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.links = []
        self.open = True
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            link = Link(self, client, server)
            self.links.append(link)
            threading.Thread(target=link.run, daemon=True).start()

    def cut_all(self):
        for link in list(self.links):
            link.cut()

    def close(self):
        self.open = False
        self.listener.close()
        self.cut_all()


class Link:
    """One connection through a proxy."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.client, self.server = client, server
        self.buffers = {client: b"", server: b""}
        self.started = False
        self.mode = None
        self.memory = {}
        self.passed = []
        proxy.conversations.append(self.passed)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.client, selectors.EVENT_READ)
        selector.register(self.server, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(1 << 18)
                    if not data:
                        return
                    self.take(key.fileobj, data)
        except (OSError, Cut):
            pass
        finally:
            self.cut()
            self.client.close()
            self.server.close()
            if self in self.proxy.links:
                self.proxy.links.remove(self)

    def take(self, end, data):
        buffer = self.buffers[end] + data
        output = []
        while True:
            if end is self.client and not self.started:
                # The first frame has no kind.
                if len(buffer) < 4 or len(buffer) < (size := struct.unpack("!I", buffer[:4])[0]):
                    break
                output.append(buffer[:size])
                self.started = size > 8
                buffer = buffer[size:]
                continue
            if end is self.server and not self.started:
                output.append(buffer)
                buffer = b""
                break
            if len(buffer) < 5 or len(buffer) < (size := struct.unpack("!I", buffer[1:5])[0] + 1):
                break
            kind, content = buffer[:1], buffer[5:size]
            buffer = buffer[size:]
            output += self.passing(end, kind, content)
        self.buffers[end] = buffer
        if output:
            (self.server if end is self.client else self.client).sendall(b"".join(output))

    def said(self, sql):
        text = sql.decode(errors="replace")
        self.passed.append(text)
        self.proxy.passed.append(text)

    def passing(self, end, kind, content):
        proxy = self.proxy
        if end is self.client and kind == b"Q":
            self.said(content[:-1])
            if content == COMMIT:
                with proxy.lock:
                    proxy.commits += 1
                    self.mode = proxy.cuts.get(proxy.commits)
                if self.mode == "before":
                    raise Cut
                if self.mode == "late":
                    self.client.shutdown(socket.SHUT_RDWR)
                    time.sleep(0.3)
                    self.server.sendall(frame(kind, content))
                    self.server.recv(1 << 16)
                    raise Cut
        if end is self.client and kind == b"P":
            self.said(content.split(b"\0")[1])
        if end is self.server and self.mode == "after" and kind == b"Z":
            raise Cut
        if end is self.server and self.mode == "after":
            return []
        if proxy.sabotage:
            changed = proxy.sabotage(self, "client" if end is self.client else "server", kind,
                                     content)
            return [frame(*each) for each in changed]
        return [frame(kind, content)]


class Cut(Exception):
    """The connection ends here."""
