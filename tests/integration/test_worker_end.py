"""A worker that cannot go on ends at once, whatever its threads still do."""

from __future__ import annotations

import socket
import subprocess
import sys

from care_voice.engine.channel import WorkerChannel
from care_voice.engine.protocol import LoadMedia

WORKER = """
import sys, threading, time
from care_voice.engine.roles import ready
from care_voice.engine.worker import main

class Role:
    def prepare(self): pass
    def load(self, message): return ready("media", "test", time.monotonic(), multilingual=True)
    def serve(self, desk):
        threading.Thread(target=threading.Event().wait).start()
        raise ValueError("the library broke")

main({"media": Role})
"""
ENCODER = """
import threading
from care_voice.engine.backends.onnxrt.encoding import EncoderThread

class Hanging:
    def encode(self, mel):
        begun.set()
        threading.Event().wait()

begun = threading.Event()
thread = EncoderThread(Hanging(), 0)
thread.encode(None), thread.encode(None)
begun.wait()
"""


def test_a_worker_whose_role_fails_says_why_and_ends_beside_a_thread_that_does_not() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        WorkerChannel(ours).send(LoadMedia(1 << 30))
        fd = theirs.fileno()
        arguments = ["--role", "media", "--fd", str(fd)]
        done = subprocess.run(
            [sys.executable, "-c", WORKER, *arguments], check=False, pass_fds=[fd], capture_output=True, timeout=30
        )

    assert done.returncode == 1
    assert b"worker_failed" in done.stderr + done.stdout
    assert b"the library broke" in done.stderr + done.stdout


def test_what_is_queued_for_an_encoder_keeps_no_process_alive() -> None:
    done = subprocess.run([sys.executable, "-c", ENCODER], check=False, timeout=30)
    assert done.returncode == 0
