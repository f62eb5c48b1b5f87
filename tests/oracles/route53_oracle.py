"""Route 53 as botocore has it: its SigV4, its service model, its serializer and its parser."""

import re
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

from botocore import auth, loaders, parsers, serialize, validate
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceModel

from judging import Fault, run, same

MODEL = ServiceModel(loaders.Loader().load_service_model("route53", "service-2"), "route53")
SERIALIZER = serialize.create_serializer("rest-xml", include_validation=True)
PARSER = parsers.create_parser("rest-xml")


def judge(exchange, facts):
    yield "signatures", lambda: signature(exchange, facts)
    operation, variables = operation_of(exchange)
    yield operation.name, lambda: serialized(exchange, operation, params_of(exchange, operation, variables))
    yield f"replies {exchange['status']}", lambda: reply(exchange, operation)


def signature(exchange, facts):
    headers, ours = exchange["headers"], exchange["headers"]["authorization"]
    names = re.search("SignedHeaders=([^,]*)", ours).group(1).split(";")
    token = headers.get("x-amz-security-token")
    key_id = facts["temporary_id"] if token else facts["key_id"]
    signer = auth.SigV4Auth(Credentials(key_id, facts["secret"], token), "route53", "us-east-1")
    url = f"http://{headers['host']}{exchange['path']}?{exchange['query']}"
    signed = {name: headers[name] for name in names}
    request = AWSRequest(exchange["method"], url, headers=signed, data=exchange["body"].encode())
    request.context["timestamp"] = headers["x-amz-date"]
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    theirs = ", ".join([
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}",
        f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}",
        f"Signature={signer.signature(to_sign, request)}",
    ])
    same("authorization", ours, theirs)
    if token:
        same("token", token, facts["token"])


def operation_of(exchange):
    for name in MODEL.operation_names:
        operation = MODEL.operation_model(name)
        template = operation.http["requestUri"].rstrip("/")
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        found = re.fullmatch(pattern, exchange["path"].rstrip("/"))
        if found and operation.http["method"] == exchange["method"]:
            return operation, {key: unquote(value) for key, value in found.groupdict().items()}
    raise Fault("no operation of the service model")


def params_of(exchange, operation, variables):
    """The parameters with which botocore would be called for this request."""
    params, query = {}, dict(parse_qsl(exchange["query"], keep_blank_values=True))
    same("query keys", len(query), len(parse_qsl(exchange["query"], keep_blank_values=True)))
    shape = operation.input_shape
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        source = {"uri": variables, "querystring": query}.get(member.serialization.get("location"), {})
        if wire in source:
            params[name] = scalar(member, source.pop(wire))
    if query or variables:
        raise Fault(f"not of the model: {query} {variables}")
    if exchange["body"]:
        root = ElementTree.fromstring(exchange["body"])
        same("root element", local(root), shape.serialization["name"])
        params |= structure(shape, root)
    report = validate.ParamValidator().validate(params, shape)
    if report.has_errors():
        raise Fault(report.generate_report())
    return params


def serialized(exchange, operation, params):
    theirs = SERIALIZER.serialize_to_request(params, operation)
    # The API reference ends some paths with a slash that AWS's newer SDKs leave out; Route 53 takes both.
    same("path", exchange["path"].rstrip("/"), theirs["url_path"].rstrip("/"))
    same("query", dict(parse_qsl(exchange["query"])), {key: str(value) for key, value in theirs["query_string"].items()})
    if exchange["body"] or theirs["body"]:
        canonical = lambda text: ElementTree.canonicalize(text, strip_text=False)
        same("body", canonical(exchange["body"]), canonical(theirs["body"]))


def reply(exchange, operation):
    body = exchange["reply"]
    raw = {"status_code": exchange["status"], "headers": {}, "body": body.encode()}
    parsed = PARSER.parse(raw, operation.output_shape)
    if exchange["status"] >= 300:
        if not parsed["Error"].get("Code"):
            raise Fault(f"an error without a code: {body}")
        return
    complete(operation.output_shape, structure(operation.output_shape, ElementTree.fromstring(body)), operation.name)


def complete(shape, value, where):
    """What the model requires of a reply is there."""
    if shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                raise Fault(f"reply: {where}.{name} is missing")
        for name, member in value.items():
            complete(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        for member in value:
            complete(shape.member, member, f"{where}[]")


def local(element):
    namespace, _, name = element.tag[1:].partition("}")
    same("namespace", namespace, "https://route53.amazonaws.com/doc/2013-04-01/")
    return name


def structure(shape, element):
    wire = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    value = {}
    for child in element:
        name = wire.get(local(child))
        if name is None or name in value:
            raise Fault(f"{local(child)} in {shape.name} is unknown or given twice")
        value[name] = parsed(shape.members[name], child)
    return value


def parsed(shape, element):
    if shape.type_name == "structure":
        return structure(shape, element)
    if shape.type_name == "list":
        name = shape.member.serialization.get("name", "member")
        for child in element:
            same(f"member of {shape.name}", local(child), name)
        return [parsed(shape.member, child) for child in element]
    if len(element):
        raise Fault(f"{local(element)} holds elements")
    return scalar(shape, element.text or "")


def scalar(shape, text):
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[text]
    if text not in (getattr(shape, "enum", None) or [text]):
        raise Fault(f"{text!r} is no {shape.name}")
    return text


run(judge)
