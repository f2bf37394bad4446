"""Write a checkpoint for openai-whisper from what weights.py saved. Runs in the environment of openai-whisper.

python to_openai.py STATE.npz TARGET.pt
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

source, target = map(Path, sys.argv[1:])
with np.load(source) as state:
    dims = json.loads(str(state["dims"]))
    # openai-whisper publishes its checkpoints as float16 and computes with float32 on a CPU.
    tensors = {name: torch.from_numpy(state[name]).half() for name in state.files if name != "dims"}
torch.save({"dims": dims, "model_state_dict": tensors}, target)
