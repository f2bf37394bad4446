"""The only place that imports an ML library."""

import os

# Since 1.29 ONNX Runtime reports processes and sessions to its maker, and gives the machine a lasting number. Nothing
# of that shall leave it; the variable counts before the library is first imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
