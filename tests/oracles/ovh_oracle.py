"""OVHcloud's signature as OVHcloud's own client makes it."""

import json
from unittest import mock

import ovh

from judging import Fault, run, same


def judge(exchange, facts):
    if exchange["path"] == "/1.0/auth/time":
        yield "times", lambda: unsigned(exchange["headers"])
    else:
        yield "signatures", lambda: signature(exchange, facts)


def unsigned(headers):
    if "x-ovh-signature" in headers:
        raise Fault("the question for the time is signed")


def signature(exchange, facts):
    theirs = asked(exchange, facts)
    for name, value in theirs["headers"].items():
        same(name, exchange["headers"].get(name.lower()), value)
    same("body", exchange["body"], theirs["data"])


def asked(exchange, facts):
    """What the client gives to its HTTP library for the same call at the same time."""
    headers = exchange["headers"]
    client = ovh.Client("ovh-eu", facts["application_key"], facts["secret"], facts["consumer_key"])
    client._endpoint = f"http://{headers['host']}/1.0"
    client._time_delta = 0
    path = exchange["path"].removeprefix("/1.0") + ("?" + exchange["query"] if exchange["query"] else "")
    data = json.loads(exchange["body"]) if exchange["body"] else None
    with mock.patch("ovh.client.time.time", return_value=int(headers["x-ovh-timestamp"])):
        with mock.patch.object(client._session, "request") as request:
            client.raw_call(exchange["method"], path, data)
    return request.call_args.kwargs


run(judge)
