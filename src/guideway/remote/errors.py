"""What can go wrong with another server, as one family.

``kind`` is stable and drives what a caller does with it: the command line prints the message and stops, the service answers with
an OperationOutcome and the HTTP status that fits.
"""

from __future__ import annotations

from typing import Literal

from guideway.diagnostics import GuidewayError

Kind = Literal["refused", "unreachable", "deadline", "too-large", "status", "not-fhir", "authorization"]


class RemoteError(GuidewayError):
    """Another server could not be asked, or its answer could not be used.

    ``refused``: the address is not allowed; nothing was sent. ``unreachable``: no connection. ``deadline``: out of time.
    ``too-large``: more bytes, pages or entries than allowed. ``status``: an HTTP error. ``not-fhir``: not the JSON expected.
    ``authorization``: no access token could be obtained, or it was not accepted.
    """

    def __init__(self, kind: Kind, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.status = status
