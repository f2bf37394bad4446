"""Whisper on ONNX Runtime: an int8 graph written from the verified weights, and this project's own decoding loop."""
