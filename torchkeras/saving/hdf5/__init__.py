"""The format of HDF5 files: reading that trusts nothing in them, and the plainest way to write."""
