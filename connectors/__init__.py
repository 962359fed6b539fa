"""Connectors: one folder per outside system, each found by its entry point in the group ``ingestd.connectors``.

A connector is a leaf: it imports ``ingestd.ports``, ``ingestd.errors`` and value types of ``ingestd.core``, and neither
the rest of ``ingestd`` nor another connector. A regular package on purpose, never a namespace package: somebody else's
connector lives in a package of its own under the same entry-point group.
"""
