"""Keeps worker processes alive: spawn, handshake, heartbeat, restart, drain."""
