"""For whoever runs the service: pre-flight checks."""
