"""Items delivered by streams."""

from __future__ import annotations

from typing import NamedTuple


class Piece(NamedTuple):
    """A piece of one output while the reply is being written."""

    field: str
    text: str
    done: bool  #: Nothing more of this output will come.
    restart: bool  #: What came of this output before was not its value: begin anew with `text`.
