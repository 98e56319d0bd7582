"""Isolated against cross: one scenario under several divisions of what owners hold."""
