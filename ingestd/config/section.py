"""What all sections of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Unknown keys are errors, values cannot change, and no error of pydantic quotes a value (it may be a secret)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Explained(Section):
    """A section whose attribute docstrings are what the JSON Schema says of its keys, and so what an editor shows beside them."""

    model_config = ConfigDict(use_attribute_docstrings=True)
