"""How much of one body is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The bounds of a source reader. What is beyond a bound of text is cut and counted; it never refuses the alert.

    The two counts of JSON bound time and memory of parsing. They are compared with the bytes ``, : [ {`` and ``[ {`` of the body,
    those inside texts included. A real alert has about 55 and 4 of them in 800 bytes, so that 2 MiB hold 140,000 and 10,000.
    """

    alerts_count_max: int = 5000
    labels_count_max: int = 64
    label_name_chars_max: int = 256
    label_value_chars_max: int = 1024
    annotation_chars_max: int = 16384
    annotations_count_max: int = 64
    depth_max: int = 32
    json_values_count_max: int = 200_000
    json_containers_count_max: int = 30_000
