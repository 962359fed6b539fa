"""How much of one body is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The bounds of a source reader. What is beyond a bound of text is cut and counted; it never refuses the alert.

    ``json_values_count_max`` bounds time and memory of parsing: it is compared with the number of ``, : [ {`` bytes in the body
    (those inside strings count too), of which a real alert has 30 to 90.
    """

    alerts_count_max: int = 5000
    labels_count_max: int = 64
    label_name_chars_max: int = 256
    label_value_chars_max: int = 1024
    annotation_chars_max: int = 16384
    annotations_count_max: int = 64
    depth_max: int = 32
    json_values_count_max: int = 200_000
