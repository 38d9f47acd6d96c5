"""`RemoteMonitor`: the logs of each epoch, sent to a server."""

from __future__ import annotations

import json
from typing import Any
from urllib import error, parse, request

import numpy as np

from ..console import logger
from .base import Callback


class RemoteMonitor(Callback):
    """Posts the logs of each epoch to `root + path`.

    As the form field `field` with JSON text, or with `send_as_json` as a JSON body; `headers` is a
    dict. A server that does not answer within 10 seconds, or not well, is told of in the log, and
    training goes on. ValueError for a root that is neither http nor https.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ):
        super().__init__()
        if not root.startswith(("http://", "https://")):
            raise ValueError(
                f"root of RemoteMonitor must be an http(s) address; received {root!r}."
            )
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        sent = {"epoch": epoch}
        for name, value in (logs or {}).items():
            sent[name] = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
        body, kind = json.dumps(sent), "application/json"
        if not self.send_as_json:
            body, kind = parse.urlencode({self.field: body}), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        try:
            asked = request.Request(self.root + self.path, body.encode(), headers, method="POST")
            request.urlopen(asked, timeout=10).close()
        except (error.URLError, OSError) as problem:
            logger.warning(
                "Warning: could not reach RemoteMonitor root server at %s (%s)", self.root, problem
            )
