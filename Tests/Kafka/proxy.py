"""A server between a client and a broker: it sees every request, and may cut or encrypt."""

import socket
import struct
import threading

from broker import free_port

PRODUCE, METADATA, SASL_HANDSHAKE, API_VERSIONS, END_TXN, SASL_AUTHENTICATE = 0, 3, 17, 18, 26, 36


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def frame(connection):
    """A request or an answer with the length in front."""
    head = exactly(connection, 4)
    return head + exactly(connection, struct.unpack(">i", head)[0])


class Peer:
    """Takes connections on a free port of 127.0.0.1; `serve(client)` has a thread for each."""

    def __init__(self):
        self.port = free_port()
        self.servers = f"127.0.0.1:{self.port}"

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client, ), daemon=True).start()

    def close(self):
        self.listener.close()


class Proxy(Peer):
    """Hands frames on between clients and a broker on 127.0.0.1.

    `sees(key)` is asked about each request (its API key), before it is handed on; where it says
    "cut", the broker gets it and the client no answer.
    """

    def __init__(self, broker, sees=lambda key: None, tls=None):
        super().__init__()
        self.sees, self.tls = sees, tls
        self.behind = ("127.0.0.1", broker.port)
        # Answers name the broker; the name has the same length here.
        self.named = [b"127.0.0.1" + struct.pack(">i", port) for port in (broker.port, self.port)]
        self.listen()

    def serve(self, client):
        try:
            if self.tls is not None:
                client = self.tls.wrap_socket(client, server_side=True)
            server = socket.create_connection(self.behind)
        except OSError:
            client.close()
            return
        cut = threading.Event()
        threading.Thread(target=self.answer, args=(server, client, cut), daemon=True).start()
        try:
            while True:
                request = frame(client)
                if self.sees(struct.unpack(">h", request[4:6])[0]) == "cut":
                    cut.set()
                server.sendall(request)
        except (OSError, ConnectionError):
            self.end(client, server)

    def answer(self, server, client, cut):
        try:
            while True:
                found = frame(server)
                if cut.is_set():
                    break
                client.sendall(found.replace(*self.named))
        except (OSError, ConnectionError):
            pass
        self.end(client, server)

    def end(self, *connections):
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()


class RefusingPeer(Peer):
    """A broker that asks for a password and takes none."""

    def __init__(self, says=b"Authentication failed: Invalid username or password"):
        super().__init__()
        self.says = says
        self.attempts = 0
        self.listen()

    def serve(self, client):
        try:
            while True:
                request = frame(client)
                key, version, correlation = struct.unpack(">hhi", request[4:12])
                client.sendall(self.framed(correlation, self.body(key, version)))
        except (OSError, ConnectionError):
            client.close()

    def framed(self, correlation, body):
        return struct.pack(">ii", len(body) + 4, correlation) + body

    def body(self, key, version):
        if key == API_VERSIONS:
            known = [(METADATA, 0, 2), (SASL_HANDSHAKE, 0, 1), (API_VERSIONS, 0, 0),
                     (SASL_AUTHENTICATE, 0, 0)]
            listed = b"".join(struct.pack(">hhh", *entry) for entry in known)
            # 35: the version is not known here; the client asks again with an older one.
            return struct.pack(">hi", 35 if version > 0 else 0, len(known)) + listed
        if key == SASL_HANDSHAKE:
            return struct.pack(">hih", 0, 1, 5) + b"PLAIN"
        self.attempts += 1
        return struct.pack(">hh", 58, len(self.says)) + self.says + struct.pack(">i", 0)
