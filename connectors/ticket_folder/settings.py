"""The keys of a connector of kind ``ticket_folder``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class FolderSettings(BaseModel):
    """Where the tickets lie. The folder is made with the first ticket."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="The folder that holds one Markdown file per ticket.", examples=["var/tickets"])
