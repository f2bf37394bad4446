"""Moving a running service to another release, step by step, judged by numbers, with a way back."""
