//! RFC 8555, as much as one certificate takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::Outcome;
use crate::log::Log;

pub(crate) struct Acme {
    client: reqwest::Client,
    key: EcdsaKeyPair,
    directory: Value,
    account: String,
    nonces: Mutex<Vec<String>>,
    log: Arc<Log>,
}

/// As acmite's polling: after a moment, then later and later, never before the CA's Retry-After.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const FIRST_POLL: Duration = Duration::from_millis(150);

impl Acme {
    /// Reads the directory and makes an account.
    pub(crate) async fn open(directory: &str, root_pem: &[u8], log: Arc<Log>) -> Outcome<Self> {
        let root = reqwest::Certificate::from_pem(root_pem)?;
        let client = reqwest::Client::builder().user_agent("acmite-floor").tls_certs_merge([root]).build()?;
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let mut acme =
            Self { client, key, directory: Value::Null, account: String::new(), nonces: Mutex::default(), log };
        let (_, body) = acme.send(reqwest::Method::GET, directory, None).await?;
        acme.directory = serde_json::from_slice(&body)?;
        let url = acme.at("newAccount")?;
        let (headers, _) = acme.post(&url, Some(&json!({"termsOfServiceAgreed": true}))).await?;
        acme.account = header(&headers, "location")?;
        Ok(acme)
    }

    pub(crate) async fn order(&self, wanted: &Value) -> Outcome<(String, Value)> {
        let (headers, body) = self.post(&self.at("newOrder")?, Some(wanted)).await?;
        Ok((header(&headers, "location")?, serde_json::from_slice(&body)?))
    }

    pub(crate) async fn read(&self, url: &str) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.post(url, None).await?.1)?)
    }

    /// Tells the CA to look, and waits for its verdict.
    pub(crate) async fn prove(&self, challenge: &str, authorization: &str) -> Outcome<()> {
        self.post(challenge, Some(&json!({}))).await?;
        tokio::time::sleep(FIRST_LOOK).await;
        self.await_status(authorization, "pending").await.map(|_| ())
    }

    /// Asks until the status is another than the one that passes.
    pub(crate) async fn await_status(&self, url: &str, passing: &str) -> Outcome<Value> {
        let mut pause = FIRST_POLL;
        loop {
            let (headers, body) = self.post(url, None).await?;
            let found: Value = serde_json::from_slice(&body)?;
            match text(&found, "status") {
                status if status == passing => {}
                "valid" | "ready" | "processing" => return Ok(found),
                _ => return Err(found.to_string().into()),
            }
            let asked = header(&headers, "retry-after").ok().and_then(|text| text.parse().ok());
            tokio::time::sleep(pause.max(Duration::from_secs(asked.unwrap_or(0)))).await;
            pause += pause / 2;
        }
    }

    pub(crate) async fn finalize(&self, url: &str, names: &[String]) -> Outcome<()> {
        let key = rcgen::KeyPair::generate()?;
        let csr = rcgen::CertificateParams::new(names)?.serialize_request(&key)?;
        self.post(url, Some(&json!({"csr": BASE64URL_NOPAD.encode(csr.der())}))).await?;
        tokio::time::sleep(FIRST_LOOK).await;
        Ok(())
    }

    pub(crate) async fn certificate(&self, url: &str) -> Outcome<()> {
        self.post(url, None).await.map(|_| ())
    }

    /// RFC 8555 section 8.4.
    pub(crate) fn dns01_value(&self, token: &str) -> String {
        let thumbprint = BASE64URL_NOPAD.encode(digest(&SHA256, self.jwk().to_string().as_bytes()).as_ref());
        BASE64URL_NOPAD.encode(digest(&SHA256, format!("{token}.{thumbprint}").as_bytes()).as_ref())
    }

    fn at(&self, what: &str) -> Outcome<String> {
        Ok(self.directory[what].as_str().ok_or("the directory lacks something")?.to_owned())
    }

    /// Its members stand in the order that RFC 7638 asks for.
    fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({"crv": "P-256", "kty": "EC", "x": BASE64URL_NOPAD.encode(x), "y": BASE64URL_NOPAD.encode(y)})
    }

    async fn post(&self, url: &str, payload: Option<&Value>) -> Outcome<(HeaderMap, Vec<u8>)> {
        let pooled = self.nonces.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let nonce = match pooled {
            Some(nonce) => nonce,
            None => {
                let (headers, _) = self.send(reqwest::Method::HEAD, &self.at("newNonce")?, None).await?;
                header(&headers, "replay-nonce")?
            }
        };
        let mut head = json!({"alg": "ES256", "nonce": nonce, "url": url});
        if self.account.is_empty() {
            head["jwk"] = self.jwk();
        } else {
            head["kid"] = json!(self.account);
        }
        let payload = payload.map_or_else(String::new, |payload| encoded(payload.to_string().as_bytes()));
        let head = encoded(head.to_string().as_bytes());
        let signature = self.key.sign(&SystemRandom::new(), format!("{head}.{payload}").as_bytes())?;
        let body = json!({"protected": head, "payload": payload, "signature": encoded(signature.as_ref())});
        let (headers, body) = self.send(reqwest::Method::POST, url, Some(body.to_string())).await?;
        if let Ok(nonce) = header(&headers, "replay-nonce") {
            self.nonces.lock().unwrap_or_else(PoisonError::into_inner).push(nonce);
        }
        Ok((headers, body))
    }

    async fn send(&self, method: reqwest::Method, url: &str, body: Option<String>) -> Outcome<(HeaderMap, Vec<u8>)> {
        let began = self.log.now();
        let mut request = self.client.request(method.clone(), url);
        if let Some(body) = body {
            request = request.header("content-type", "application/jose+json").body(body);
        }
        let reply = request.send().await?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = reply.bytes().await?.to_vec();
        self.log.note(began, method.as_str(), url, status.as_u16());
        if status.is_success() { Ok((headers, body)) } else { Err(String::from_utf8_lossy(&body).into()) }
    }
}

/// A member that must be there; empty where it is not.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn encoded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn header(headers: &HeaderMap, name: &str) -> Outcome<String> {
    Ok(headers.get(name).ok_or_else(|| format!("no header {name}"))?.to_str()?.to_owned())
}
