"""DNSPod as Tencent Cloud's SDK has it: TC3 and the members of each request and answer."""

import hashlib
import json
import re
import time
import warnings

from tencentcloud.common.sign import Sign
from tencentcloud.dnspod.v20210323 import dnspod_client, models

from judging import Fault, run, same

# The SDK warns of members that a model does not have.
warnings.simplefilter("error")


def judge(exchange, facts):
    yield "signatures", lambda: signature(exchange, facts)
    version = exchange["headers"]["x-tc-version"]
    yield "versions", lambda: same("version", version, dnspod_client.DnspodClient._apiVersion)
    action, response = exchange["headers"]["x-tc-action"], exchange["reply"]["Response"]
    yield action, lambda: model(f"{action}Request", json.loads(exchange["body"]))
    if "Error" not in response:
        yield "replies", lambda: model(f"{action}Response", response)


def signature(exchange, facts):
    headers, ours = exchange["headers"], exchange["headers"]["authorization"]
    date = time.strftime("%Y-%m-%d", time.gmtime(int(headers["x-tc-timestamp"])))
    names = re.search("SignedHeaders=([^,]*)", ours).group(1)
    if not {"content-type", "host"} <= set(names.split(";")):
        raise Fault(f"signed are only {names}")
    lines = "".join(f"{name}:{headers[name].lower()}\n" for name in names.split(";"))
    hashed = lambda text: hashlib.sha256(text.encode()).hexdigest()
    canonical = f"POST\n/\n{exchange['query']}\n{lines}\n{names}\n{hashed(exchange['body'])}"
    scope = f"{date}/dnspod/tc3_request"
    to_sign = f"TC3-HMAC-SHA256\n{headers['x-tc-timestamp']}\n{scope}\n{hashed(canonical)}"
    theirs = Sign.sign_tc3(facts["secret"], date, "dnspod", to_sign)
    credential = f"TC3-HMAC-SHA256 Credential={facts['key_id']}/{scope}"
    same("authorization", ours, f"{credential}, SignedHeaders={names}, Signature={theirs}")


def model(name, members):
    made = getattr(models, name)()
    made._deserialize(members)
    for key, value in members.items():
        same(f"{name}.{key}", value, made._serialize()[key])


run(judge)
