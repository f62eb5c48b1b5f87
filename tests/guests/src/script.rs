//! Steps that a test writes: any call of the contract with any arguments. What each gave is returned as state.

use acmite_sdk::bindings::acmite::provider::{dns_update, http, log, secrets};
use acmite_sdk::sign::{self, sigv4};
use acmite_sdk::{Context, Error, ErrorKind, Pair, Part, Txt, error, setting};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Call;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    Send(Request),
    SendAll(Vec<Request>),
    /// Method and path as the signature covers them, and the request, signed as Route 53 wants it.
    SendAws(String, String, Request),
    Credential(String),
    Encode(String, Vec<Piece>),
    Digest(String, Vec<Piece>),
    Hmac(String, Vec<Piece>, Vec<Piece>),
    Sign(String, u32, Vec<Piece>),
    Totp(u32),
    Log(String),
    Apply(Vec<(String, String)>, Vec<(String, String)>, u32),
    /// Fails with what the steps before gave.
    Fail,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    endpoint: String,
    #[serde(default)]
    path: Vec<(String, String)>,
    #[serde(default)]
    query: Vec<(String, String)>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    #[serde(default)]
    inject: Vec<(String, Vec<Piece>)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Bytes(Vec<u8>),
    Secret { secret: u32 },
}

/// A refusal as the provider passes it on.
pub(crate) fn told(rule: &str) -> Error {
    error(ErrorKind::Unsupported, rule)
}

/// Runs the steps in `arg`.
pub(crate) fn run(call: &Call) -> Result<Vec<u8>, Error> {
    let steps: Vec<Step> =
        serde_json::from_str(call.arg).map_err(|fault| error(ErrorKind::Misconfigured, fault.to_string()))?;
    let mut given = Vec::new();
    for step in steps {
        match step {
            Step::Fail => return Err(told(&Value::from(given).to_string())),
            step => given.push(one(call, step)?),
        }
    }
    Ok(Value::from(given).to_string().into_bytes())
}

fn one(call: &Call, step: Step) -> Result<Value, Error> {
    Ok(match step {
        Step::SendAws(method, path, request) => send_aws(call.context, &method, &path, request)?,
        Step::Send(request) => reply(http::send(&wire(request))),
        Step::SendAll(requests) => {
            let wires: Vec<_> = requests.into_iter().map(wire).collect();
            http::send_all(&wires).into_iter().map(reply).collect()
        }
        Step::Credential(name) => number(secrets::credential(&name)),
        Step::Encode(encoding, pieces) => number(secrets::encode(self::encoding(&encoding)?, &parts(pieces))),
        Step::Digest(hash, pieces) => number(secrets::digest(self::hash(&hash)?, &parts(pieces))),
        Step::Hmac(hash, key, data) => number(secrets::hmac(self::hash(&hash)?, &parts(key), &parts(data))),
        Step::Sign(algorithm, key, data) => number(secrets::sign(signing(&algorithm)?, key, &parts(data))),
        Step::Totp(key) => number(secrets::totp(key)),
        Step::Log(line) => {
            log::write(log::Level::Warn, &line);
            Value::Null
        }
        Step::Apply(add, delete, ttl) => match dns_update::apply(&txts(add), &txts(delete), ttl) {
            Ok(()) => json!("applied"),
            Err(dns_update::UpdateError::Refused(rule)) => json!({"refused": rule}),
            Err(other) => json!({"failed": format!("{other:?}")}),
        },
        Step::Fail => Value::Null,
    })
}

fn send_aws(context: &Context, method: &str, path: &str, request: Request) -> Result<Value, Error> {
    let signer = sigv4::Signer {
        access_key_id: setting(context, "access_key_id").unwrap_or_default(),
        secret_access_key: "secret_access_key",
        session_token: None,
        region: "us-east-1",
        service: "route53",
        now: context.now,
    };
    let whole = acmite_sdk::http::request(&request.endpoint);
    let whole = request.path.iter().fold(whole, |whole, (name, value)| whole.path(name, value));
    let whole = request.query.iter().fold(whole, |whole, (name, value)| whole.query(name, value));
    let whole = request.headers.iter().fold(whole, |whole, (name, value)| whole.header(name, value));
    let whole = match request.body {
        Some(body) => whole.body(body),
        None => whole,
    };
    let signed = signer.sign(whole, method, sign::host(context, "api"), path)?;
    Ok(match signed.send() {
        Ok(reply) => json!({"status": reply.status(), "body": reply.text()}),
        Err(error) if error.kind == ErrorKind::Unsupported => json!({"refused": error.message}),
        Err(error) => json!({"unanswered": error.message}),
    })
}

fn wire(request: Request) -> http::Request {
    http::Request {
        endpoint: request.endpoint,
        path: pairs(request.path),
        query: pairs(request.query),
        headers: pairs(request.headers),
        body: request.body.map(String::into_bytes),
        inject: request
            .inject
            .into_iter()
            .map(|(place, value)| http::Injection { place, value: parts(value) })
            .collect(),
    }
}

fn reply(reply: Result<http::Reply, http::SendError>) -> Value {
    match reply {
        Ok(reply) => {
            let headers: Vec<_> = reply.headers.iter().map(|pair| (&pair.name, &pair.value)).collect();
            json!({"status": reply.status, "headers": headers, "body": String::from_utf8_lossy(&reply.body), "bytes": reply.body.len()})
        }
        Err(http::SendError::Refused(rule)) => json!({"refused": rule}),
        Err(http::SendError::Unsent(text)) => json!({"unsent": text}),
        Err(http::SendError::Unanswered(text)) => json!({"unanswered": text}),
    }
}

fn number(given: Result<u32, secrets::Fault>) -> Value {
    match given {
        Ok(number) => json!(number),
        Err(fault) => json!({"fault": format!("{fault:?}")}),
    }
}

fn pairs(pairs: Vec<(String, String)>) -> Vec<Pair> {
    pairs.into_iter().map(|(name, value)| Pair { name, value }).collect()
}

fn txts(txts: Vec<(String, String)>) -> Vec<Txt> {
    txts.into_iter().map(|(name, value)| Txt { name, value }).collect()
}

fn parts(pieces: Vec<Piece>) -> Vec<Part> {
    let part = |piece| match piece {
        Piece::Text(text) => Part::Text(text),
        Piece::Bytes(bytes) => Part::Bytes(bytes),
        Piece::Secret { secret } => Part::Secret(secret),
    };
    pieces.into_iter().map(part).collect()
}

fn encoding(name: &str) -> Result<secrets::Encoding, Error> {
    Ok(match name {
        "none" => secrets::Encoding::None,
        "hex" => secrets::Encoding::Hex,
        "base64" => secrets::Encoding::Base64,
        "base64url" => secrets::Encoding::Base64url,
        "percent" => secrets::Encoding::Percent,
        other => return Err(unknown(other)),
    })
}

fn hash(name: &str) -> Result<secrets::Hash, Error> {
    Ok(match name {
        "md5" => secrets::Hash::Md5,
        "sha1" => secrets::Hash::Sha1,
        "sha256" => secrets::Hash::Sha256,
        "sha384" => secrets::Hash::Sha384,
        "sha512" => secrets::Hash::Sha512,
        other => return Err(unknown(other)),
    })
}

fn signing(name: &str) -> Result<secrets::Signing, Error> {
    Ok(match name {
        "rsa-pkcs1-sha256" => secrets::Signing::RsaPkcs1Sha256,
        "ecdsa-p256-sha256" => secrets::Signing::EcdsaP256Sha256,
        "ed25519" => secrets::Signing::Ed25519,
        other => return Err(unknown(other)),
    })
}

fn unknown(name: &str) -> Error {
    error(ErrorKind::Misconfigured, format!("{name:?} is none of the contract"))
}
