"""What the supervisor may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Deadlines and restarts of worker processes."""

    handshake_timeout_s: float = 120.0
    """From spawn to `Ready`. Loading large-v3 from a slow disk takes most of it."""

    heartbeat_timeout_s: float = 10.0
    """A worker sends a heartbeat each second; one that is silent for this long is stopped or stuck, and is killed."""

    window_timeout_s: float = 180.0
    """Longest time for one window, all guard rails included; a worker past it hangs in native code, and is killed. A
    window of bulk work may take nine times as long where the worker lets others go before it."""

    hang_timeout_s: float = 30.0
    """An engine worker is killed when it has work and, for this long, uses next to no CPU time (where it computes on
    the CPU) or makes no step (where it counts them within a window)."""

    media_stall_s: float = 30.0
    """Longest time that decoding a file may go without giving sound."""

    max_kills: int = 2
    """A window is put aside when so many workers crashed or hung while they had it, the last one with nothing else."""

    max_attempts: int = 8
    """A window is put aside when it was lost with so many workers, whatever ended them (kill -9, out of memory)."""

    backoff_first_s: float = 0.1
    """Wait before the second restart in a row; the first is immediate."""

    backoff_max_s: float = 30.0
    """The wait doubles up to this."""

    healthy_after_s: float = 20.0
    """A worker that lived this long, or answered a request, starts the backoff afresh."""

    stop_grace_s: float = 3.0
    """Between closing a worker's socket and SIGKILL."""

    renew_after_s: float = 24 * 3600.0
    """An engine worker is replaced by a fresh one after this long; 0 never. No request notices."""

    renew_at_growth: float = 3.0
    """The same when its memory is this many times what it was after loading and its first windows; 0 never."""

    renew_check_s: float = 5.0
    """How often age and memory of the workers are looked at."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What decodes: engine workers, what they hold and how many there are; or a server elsewhere."""

    kind: Literal["local", "remote"] = "local"
    """local decodes with workers of this service; remote sends windows to the server that the section REMOTE names
    (docs/remote.md), and of the settings below only UNLOAD_AFTER_S counts."""

    runtime: Literal["auto", "ctranslate2", "onnxruntime"] = "auto"
    """What runs the model. auto takes the faster one on this machine: both are measured once, at the first start, where
    int8 graphs for ONNX Runtime can be made from the model. `care-voice tune` measures again."""

    workers: int = 0
    """Processes that hold the model, each with its own copy in memory; 0 chooses by that measurement."""

    threads: int = 0
    """CPU threads of one worker; 0 shares the cores that this process may use among the workers."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes CUDA where there is a device that can be used, and there the GPU with the most free memory."""

    compute_type: str = "auto"
    """Arithmetic of the model, as CTranslate2 names it; auto is int8 on a CPU and float16 on CUDA, or int8_float16
    where the GPU has too little memory for that."""

    batch: int = 0
    """Windows of 30 s that CTranslate2 computes together, or twice as many short ones; 0 takes 1 on a CPU, where more
    save next to nothing, and on CUDA 8, or fewer where memory is short. It is halved when memory runs out."""

    unload_after_s: float = 900.0
    """A model other than the default one is unloaded after this long without a request."""

    def __post_init__(self) -> None:
        """Raises ValueError where a number is below 0, which means nothing."""
        if not min(self.workers, self.threads, self.batch, self.unload_after_s) >= 0:
            raise ValueError("WORKERS, THREADS, BATCH and UNLOAD_AFTER_S must be at least 0")


@dataclass(frozen=True, slots=True)
class MediaWorkerSettings:
    """Processes that decode files."""

    most_workers: int = 8
    """Files read at a time; each worker takes about 100 MB, and they are started as they are needed."""

    grow_after_s: float = 0.25
    """A file that has waited this long gets a worker of its own; most files are read in less."""

    idle_s: float = 60.0
    """A worker beyond the first ends after this long without a file."""

    max_memory_bytes: int = 4 * 1024**3
    """Address space of one worker: a crafted file that asks for more ends its worker, not the machine."""
