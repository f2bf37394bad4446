"""What the parent and a worker say to each other: length-framed MessagePack over a Unix socket pair.

A frame is four bytes (big-endian length of the body) and a MessagePack map whose `type` names the message. A worker
speaks first (`Ready`, or `Failed` with `id` 0 when it cannot start). Then several windows may be outstanding at a time:
the worker answers each `DecodeWindow` exactly once (`WindowDecoded`, `Failed` or `Dropped`), in whatever order they are
ready, and the `id` says which. A media worker reads one file at a time. `Heartbeat` comes at any time. Anything
else is on the wire is a protocol error, and the peer is killed or exits.

This module is all of `engine` that the parent process imports: it needs neither NumPy nor an ML library.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

PROTOCOL_VERSION: Final = 4
SAMPLE_RATE: Final = 16_000
"""Hz; all PCM on the wire is mono, signed 16 bit, little-endian, at this rate."""
PATIENT_TURN: Final = 8
"""A worker that preempts computes patient windows in every so many steps, while it has others."""
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
LENGTH_BYTES: Final = 4
LogFormat = Literal["auto", "json", "text"]
WorkerRole = Literal["engine", "media"]
PlaybackFormat = Literal["flac", "opus"]
"""What a copy for playback is written as: FLAC in a file of its own, or Opus in WebM."""


class Message(msgspec.Struct, tag=True, tag_field="type", frozen=True, array_like=False):
    """Base of every message."""


# --- parent to worker -------------------------------------------------------------------------------------------------


class GpuShare(msgspec.Struct, frozen=True):
    """The GPU that a worker uses, should it use one: `uuid` and `index` are NVML's. `batch` windows of 30 s fit into
    its memory together; it is `tight` where they fit only with 8-bit weights.
    """

    uuid: str
    index: int
    name: str
    batch: int
    tight: bool = False


class LoadEngine(Message, frozen=True):
    """First message to an engine worker: which model to hold, on what device ("auto", "cpu" or "cuda") and with which
    CTranslate2 compute type ("auto" chooses for the device); `threads` are CPU threads of one operation. `batch` is how
    many windows of 30 s are computed together, 0 what suits the device; a `gpu` says it itself. How to log is told here
    and not on the command line: the first workers are started before the settings are read.
    """

    model_name: str
    model_dir: str
    device: str
    compute_type: str
    threads: int
    batch: int = 0
    gpu: GpuShare | None = None
    log_format: LogFormat = "auto"
    log_level: str = "info"


class LoadMedia(Message, frozen=True):
    """First message to a media worker."""

    max_memory_bytes: int
    log_format: LogFormat = "auto"
    log_level: str = "info"


class DecodeWindow(Message, frozen=True):
    """Decode one window. `speech` holds (start, end) in seconds from the window's start; `start_s` is its place in the
    recording. `languages` limits detection where `language` is None; empty means every language the model knows. With
    `language_changes` it is detected for each span of speech, and the window is cut where it changes. `hotwords` are
    words to favour. With `both_sizes` a short window is decoded at 30 s too, and the more probable hypothesis counts.
    `patient`: it belongs to work that can wait, and others may go before it.
    """

    id: int
    request_id: str
    pcm: bytes
    start_s: float
    speech: tuple[tuple[float, float], ...]
    language: str | None
    languages: tuple[str, ...]
    task: str
    prompt: str | None
    temperatures: tuple[float, ...]
    beam_size: int
    hotwords: str | None = None
    both_sizes: bool = False
    language_changes: bool = False
    patient: bool = False


class VadOptions(Message, frozen=True):
    """Voice activity detection: `threshold` is a probability, the others milliseconds."""

    threshold: float = 0.4
    min_silence_ms: int = 300
    speech_pad_ms: int = 400


class OpenMedia(Message, frozen=True):
    """Decode a file and cut it into windows. With the `bookmark` of one of its windows the reading goes on where that
    one came out, which comes again, perhaps with some before it; what comes is what would have come otherwise.
    """

    id: int
    request_id: str
    path: str
    max_duration_s: float
    vad: VadOptions
    bookmark: bytes = b""


class DeriveMedia(Message, frozen=True):
    """Decode a file and write what is made from its sound: at `playback_path` a mono copy that browsers play, and at
    `waveform_path` its peaks (`care_voice.audio.peaks`). Each appears under its name only when both are whole.
    """

    id: int
    request_id: str
    path: str
    max_duration_s: float
    playback_format: PlaybackFormat
    playback_path: str
    waveform_path: str


class Cancel(Message, frozen=True):
    """Nobody waits for this request any more. A window that has not been begun is answered with `Dropped`; one that is
    being computed may be dropped too, or finished.
    """

    id: int


# --- worker to parent -------------------------------------------------------------------------------------------------


class Ready(Message, frozen=True):
    """The worker holds what it was told to load. `rss_bytes` is its resident memory after that.

    `capacity` is how many windows it wants in flight, `capacity_s` how many seconds of audio in all of them (0: any).
    With `preempts` it computes others before patient ones, and wants as many of each kind, whatever it has of
    the other. With `counts_steps` the heartbeat's counter advances while a window is computed, and not only when one is
    done. `device`, `gpu` (NVML's index, where it is known) and `compute_type` say what an engine worker runs on.
    """

    version: int
    pid: int
    role: str
    detail: str
    multilingual: bool
    load_s: float
    rss_bytes: int
    capacity: int = 1
    capacity_s: float = 0.0
    counts_steps: bool = False
    preempts: bool = False
    device: str = ""
    gpu: int | None = None
    compute_type: str = ""


class Heartbeat(Message, frozen=True):
    """Sent by a thread of its own. `busy` counts the requests that are not answered yet; the computing thread advances
    `steps`: where it stands still while there is work, that thread hangs. `cpu_s` is the process's CPU time so far.
    `halvings` counts how often memory ran out and batches were made half as large; `capacity` and `capacity_s` are what
    it wants since, as in `Ready`, whose word holds while `capacity` is 0.
    """

    busy: int
    steps: int
    rss_bytes: int
    cpu_s: float
    halvings: int = 0
    capacity: int = 0
    capacity_s: float = 0.0


class WireToken(msgspec.Struct, frozen=True, array_like=True):
    id: int
    text: str
    data: bytes
    logprob: float


class WireWord(msgspec.Struct, frozen=True, array_like=True):
    text: str
    start: float
    end: float
    probability: float
    tokens: tuple[WireToken, ...]


class WirePart(msgspec.Struct, frozen=True, array_like=True):
    """One accepted hypothesis; a window that had to be cut in two gives two. Times count from the recording's start.

    `language` is empty where it is the window's.
    """

    start_s: float
    words: tuple[WireWord, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    language: str = ""


class WindowDecoded(Message, frozen=True):
    """`passes` counts decoder runs (1: the first hypothesis was accepted); `compute_s` is wall time in the worker.

    `language` is that of the most speech in the window.
    """

    id: int
    language: str
    language_probability: float
    parts: tuple[WirePart, ...]
    passes: int
    compute_s: float

    @property
    def text(self) -> str:
        """All that was said in it."""
        return "".join(word.text for part in self.parts for word in part.words)


class Dropped(Message, frozen=True):
    """The window was given up by the parent before it was computed."""

    id: int


class MediaOpened(Message, frozen=True):
    """`duration_s` is what the file claims; None where it claims nothing."""

    id: int
    duration_s: float | None


class MediaWindow(Message, frozen=True):
    """A stretch of the recording with speech in it, at most 30 s. `number` counts the windows of the file from 0; the
    `bookmark` is for `OpenMedia`.
    """

    id: int
    pcm: bytes
    start_s: float
    end_s: float
    speech: tuple[tuple[float, float], ...]
    number: int = 0
    bookmark: bytes = b""


class MediaProgress(Message, frozen=True):
    """`scanned_s` seconds have been decoded, and hold nothing more to transcribe where that is what was asked."""

    id: int
    scanned_s: float


class MediaDone(Message, frozen=True):
    """The whole file was decoded; `duration_s` is what it really held."""

    id: int
    duration_s: float


class MediaDerived(Message, frozen=True):
    """What was asked to be made of a file is there; `duration_s` is what the file really held."""

    id: int
    duration_s: float


class Failed(Message, frozen=True):
    """The request failed with an error of `care_voice.domain.errors`, named by its class."""

    id: int
    error: str
    fields: dict[str, str | int | float]


ToWorker = LoadEngine | LoadMedia | DecodeWindow | OpenMedia | DeriveMedia | Cancel
MediaAnswer = MediaOpened | MediaWindow | MediaProgress | MediaDone | MediaDerived
ToParent = Ready | Heartbeat | WindowDecoded | Dropped | MediaAnswer | Failed

_encoder = msgspec.msgpack.Encoder()
_worker_decoder: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_parent_decoder: msgspec.msgpack.Decoder[ToParent] = msgspec.msgpack.Decoder(ToParent)


class ProtocolError(Exception):
    """The peer broke the framing or sent a message that is not in the protocol."""


def frame(message: Message) -> bytes:
    """A message as bytes for the wire."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def body_length(prefix: bytes) -> int:
    """Length of the body that follows `prefix`.

    Raises:
        ProtocolError: The length is over `MAX_FRAME_BYTES`.
    """
    length = int.from_bytes(prefix, "big")
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {length} bytes is over the limit")
    return length


def decode_for_worker(body: bytes) -> ToWorker:
    """The message in a frame's body, as a worker reads it.

    Raises:
        ProtocolError: The body is not a message to a worker.
    """
    try:
        return _worker_decoder.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error


def decode_for_parent(body: bytes) -> ToParent:
    """The message in a frame's body, as the parent reads it.

    Raises:
        ProtocolError: The body is not a message to the parent.
    """
    try:
        return _parent_decoder.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error
