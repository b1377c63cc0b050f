"""ELM documents in and out: JSON (``read_json``, ``write_json``) and XML (``read_xml``); ``read`` takes either."""

from __future__ import annotations

from guideway.elm import nodes
from guideway.elm.codec_json import json_text, node_to_json, read_json, write_json
from guideway.elm.codec_xml import read_xml

__all__ = ["json_text", "node_to_json", "read", "read_json", "read_xml", "write_json"]


def read(source: bytes, *, file: str = "ELM") -> nodes.Library:
    """The library in an ELM document, whichever form it has."""
    start = source[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return read_xml(source, file=file) if start.startswith(b"<") else read_json(source, file=file)
