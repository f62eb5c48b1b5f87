"""INWX as its own client speaks to it, and the second factor as pyotp has it."""

import json
from unittest import mock

import pyotp
from INWX.Domrobot import ApiClient, ApiType

from judging import Fault, run, same


def judge(exchange, facts):
    request = json.loads(exchange["body"])
    yield request["method"], lambda: called(exchange, request)
    if request["method"] == "account.unlock":
        yield "codes", lambda: code(request["params"]["tan"], exchange["at"], facts)


def called(exchange, request):
    url, theirs, headers = asked(request["method"], request["params"])
    same("path", f"{ApiClient.API_LIVE_URL}{exchange['path']}", url)
    same("body", request, theirs)
    same("content type", exchange["headers"]["content-type"].split(";")[0], headers["Content-Type"].split(";")[0])


def asked(method, params):
    """What the client gives to its HTTP library for the same call."""
    client = ApiClient(ApiClient.API_LIVE_URL, ApiType.JSON_RPC)
    with mock.patch.object(client.api_session, "post") as post:
        client.call_api(method, dict(params))
    return post.call_args.args[0], json.loads(post.call_args.kwargs["data"]), post.call_args.kwargs["headers"]


def code(ours, at, facts):
    """It was made in the step of RFC 6238 in which it came in, or in the one before."""
    of = lambda time: pyotp.TOTP(facts["shared_secret"]).at(time)
    if str(ours) not in (of(at), of(at - 30)):
        raise Fault(f"the code is {ours}, pyotp's are {of(at - 30)} and {of(at)}")


run(judge)
