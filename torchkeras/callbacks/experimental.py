"""Names that callbacks had before they were settled."""

from .backup import BackupAndRestore

__all__ = ["BackupAndRestore"]
