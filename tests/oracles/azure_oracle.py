"""Entra's token request as Microsoft's MSAL makes it."""

import json
from types import SimpleNamespace
from urllib.parse import parse_qsl

import msal

from judging import run, same


def judge(exchange, facts):
    if exchange["path"].endswith("/oauth2/v2.0/token"):
        yield "tokens", lambda: token(exchange, facts)


def token(exchange, facts):
    path, theirs = asked(facts)
    same("path", exchange["path"], path)
    ours = dict(parse_qsl(exchange["body"], keep_blank_values=True))
    same("form", ours, {key: theirs.get(key) for key in ("grant_type", "client_id", "client_secret", "scope")})


class Http:
    """Answers MSAL's questions and keeps its form."""

    def __init__(self):
        self.form, self.path = None, None

    def get(self, url, **_):
        base = url.removesuffix("/v2.0/.well-known/openid-configuration")
        return answer({
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        })

    def post(self, url, data=None, **_):
        self.form, self.path = data, "/" + url.split("/", 3)[3]
        return answer({"access_token": "token", "expires_in": 3599, "token_type": "Bearer"})

    def close(self):
        pass


def answer(value):
    return SimpleNamespace(status_code=200, text=json.dumps(value), headers={}, raise_for_status=lambda: None)


def asked(facts):
    http = Http()
    application = msal.ConfidentialClientApplication(
        facts["client_id"],
        client_credential=facts["secret"],
        authority=f"https://login.microsoftonline.com/{facts['tenant_id']}",
        http_client=http,
        instance_discovery=False,
    )
    application.acquire_token_for_client(["https://management.azure.com/.default"])
    return http.path, http.form


run(judge)
