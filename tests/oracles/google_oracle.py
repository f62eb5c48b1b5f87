"""Google as its own libraries have it: the JWT, and Cloud DNS's discovery document."""

import json
import re
from base64 import urlsafe_b64encode
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from google.auth import crypt, jwt
from google.oauth2 import service_account
from googleapiclient import discovery
from googleapiclient.discovery_cache import get_static_doc

from judging import Fault, run, same

DOCUMENT = json.loads(get_static_doc("dns", "v1"))
SERVICE = discovery.build_from_document(DOCUMENT, http=object())
TOKEN_URL = "https://oauth2.googleapis.com/token"


def judge(exchange, facts):
    if exchange["path"] == "/token":
        yield "tokens", lambda: token(exchange, facts)
        return
    resource, name, method, variables = method_of(exchange)
    yield method["id"], lambda: built(exchange, resource, name, method, variables)
    if exchange["status"] == 200:
        yield "replies", lambda: fits(method["response"], exchange["reply"], "reply")


def token(exchange, facts):
    form = dict(parse_qsl(exchange["body"]))
    same("form", sorted(form), ["assertion", "grant_type"])
    same("grant type", form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer")
    key = serialization.load_pem_private_key(facts["private_key"].encode(), None)
    kind = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    ours = jwt.decode(form["assertion"], certs=key.public_key().public_bytes(*kind), audience=TOKEN_URL)
    theirs = jwt.decode(made(ours["scope"], facts), verify=False)
    for claim in ("iss", "aud", "scope"):
        same(claim, ours[claim], theirs[claim])
    same("claims", sorted(ours), sorted(theirs))
    if not 0 < ours["exp"] - ours["iat"] <= theirs["exp"] - theirs["iat"]:
        raise Fault(f"valid from {ours['iat']} to {ours['exp']}")
    signer = crypt.RSASigner.from_string(facts["private_key"])
    message, _, signature = form["assertion"].rpartition(".")
    same("alg", jwt.decode_header(form["assertion"])["alg"], "RS256")
    # PKCS #1 v1.5 signs the same bytes in one way alone (RFC 8017 section 8.2).
    same("signature", signature, urlsafe_b64encode(signer.sign(message.encode())).decode().rstrip("="))


def made(scope, facts):
    """The assertion that google-auth makes for the same account."""
    info = {"client_email": facts["client_email"], "private_key": facts["private_key"], "token_uri": TOKEN_URL}
    credentials = service_account.Credentials.from_service_account_info(info, scopes=[scope])
    return credentials._make_authorization_grant_assertion()


def method_of(exchange):
    for resource, described in DOCUMENT["resources"].items():
        for name, method in described["methods"].items():
            path = "/" + method.get("flatPath", method["path"])
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
            found = re.fullmatch(pattern, exchange["path"])
            if found and method["httpMethod"] == exchange["method"]:
                return resource, name, method, {key: unquote(value) for key, value in found.groupdict().items()}
    raise Fault("no method of the discovery document")


def built(exchange, resource, name, method, variables):
    """The client, called with the same parameters, checks them and builds the same request."""
    query = parse_qsl(exchange["query"], keep_blank_values=True)
    same("query keys", len(dict(query)), len(query))
    known = {**method["parameters"], **DOCUMENT["parameters"]}
    for key, _ in query:
        if key not in known:
            raise Fault(f"query parameter {key} is not described")
    params = {**variables, **dict(query)}
    if exchange["body"]:
        params["body"] = json.loads(exchange["body"])
        fits(method["request"], params["body"], "body")
    elif "request" in method:
        raise Fault("the body is missing")
    request = getattr(getattr(SERVICE, resource)(), name)(**params)
    theirs = urlsplit(request.uri)
    same("path", exchange["path"], theirs.path)
    same("query", dict(query), {key: value for key, value in parse_qsl(theirs.query) if key != "alt"})
    if exchange["body"]:
        same("body", params["body"], json.loads(request.body))


TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


def fits(schema, value, where):
    """A value against the discovery document's dialect: no member that is not described, and types as they are."""
    schema = DOCUMENT["schemas"][schema["$ref"]] if "$ref" in schema else schema
    kind = TYPES[schema["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Fault(f"{where}: {value!r} is no {schema['type']}")
    if "enum" in schema and value not in schema["enum"]:
        raise Fault(f"{where}: {value!r} is none of {schema['enum']}")
    if schema["type"] == "array":
        for index, item in enumerate(value):
            fits(schema["items"], item, f"{where}[{index}]")
    if schema["type"] == "object":
        for key, member in value.items():
            described = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            if described is None:
                raise Fault(f"{where}.{key} is not described")
            fits(described, member, f"{where}.{key}")


run(judge)
