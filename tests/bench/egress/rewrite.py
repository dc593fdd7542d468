"""The rewrite that egress does, as an addon of mitmproxy: judge host and path, strip the agent's credential, inject one.

Bodies are streamed both ways and each request is logged in one line, as egress does. Response masking is left out.
"""

import json
import os
import sys
import time

from mitmproxy import http

HOST = os.environ["BENCH_HOST"]
PATHS = tuple(os.environ["BENCH_PATHS"].split(","))
AUTHORIZATION = "Bearer " + os.environ["BENCH_TOKEN"]


def inside(path, prefix):
    return path == prefix or path.startswith(prefix + "/")


class Rewrite:
    def requestheaders(self, flow):
        request = flow.request
        path = request.path.partition("?")[0]
        if request.pretty_host != HOST or not any(inside(path, prefix) for prefix in PATHS):
            flow.response = http.Response.make(403, b"egress: not allowed\n")
            return
        request.headers.pop("Authorization", None)
        request.headers["Authorization"] = AUTHORIZATION
        request.stream = True

    def responseheaders(self, flow):
        flow.response.stream = True

    def response(self, flow):
        request = flow.request
        record = {
            "time": time.time(),
            "method": request.method,
            "host": request.pretty_host,
            "path": request.path.partition("?")[0],
            "status": flow.response.status_code,
            "ms": round((time.time() - request.timestamp_start) * 1000, 1),
        }
        sys.stdout.write(json.dumps(record) + "\n")


addons = [Rewrite()]
