"""Keras on native PyTorch."""
