"""The worker's end of the socket: blocking, framed, safe to send on from several threads."""

from __future__ import annotations

import socket
import threading

from care_voice.engine.protocol import LENGTH_BYTES, Message, ToWorker, body_length, decode_for_worker, frame


class ChannelClosed(Exception):
    """The parent closed its end, or is gone."""


class WorkerChannel:
    """Messages over a connected stream socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Blocks while the parent does not read: that is the back-pressure.

        Raises:
            ChannelClosed: The parent is gone.
        """
        data = frame(message)
        try:
            with self._lock:
                self._sock.sendall(data)
        except OSError as error:
            raise ChannelClosed from error

    def receive(self) -> ToWorker:
        """The next message.

        Raises:
            ChannelClosed: The parent is gone.
            ProtocolError: The bytes are not a message.
        """
        return decode_for_worker(self._read(body_length(self._read(LENGTH_BYTES))))

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                chunk = self._sock.recv(min(count - len(data), 1 << 20))
            except OSError as error:
                raise ChannelClosed from error
            if not chunk:
                raise ChannelClosed
            data += chunk
        return bytes(data)
