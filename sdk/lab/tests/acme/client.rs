//! A small ACME client that can also do everything wrong.

use std::time::{Duration, Instant};

use acmite_lab::{Lab, LabDescription};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _};
use aws_lc_rs::{digest, hmac, rsa};
use data_encoding::BASE64URL_NOPAD;
use hickory_proto::rr::RecordType;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

pub(crate) enum Key {
    Ec(EcdsaKeyPair, &'static str, &'static str),
    Rsa(rsa::KeyPair),
}

impl Key {
    pub(crate) fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::Ec(pair, "ES256", "P-256")
    }

    pub(crate) fn p384() -> Self {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self::Ec(pair, "ES384", "P-384")
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// The key of a certificate, as rcgen made it.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Self {
        let pair = EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, der).unwrap();
        Self::Ec(pair, "ES256", "P-256")
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_, algorithm, _) => algorithm,
            Self::Rsa(_) => "RS256",
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match self {
            Self::Ec(pair, _, curve) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"crv": curve, "kty": "EC", "x": text(x), "y": text(y)})
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let bytes = |value: &[u8]| text(value);
                json!({"e": bytes(public.exponent().big_endian_without_leading_zero()), "kty": "RSA",
                    "n": bytes(public.modulus().big_endian_without_leading_zero())})
            }
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair, ..) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signed).unwrap();
                signed
            }
        }
    }

    pub(crate) fn txt_value(&self, token: &str) -> String {
        let sha256 = |text: &str| BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        sha256(&format!("{token}.{}", sha256(&self.jwk().to_string())))
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect("the header").to_str().expect("ASCII")
    }

    /// The problem's type without its prefix.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let kind = self.json()["type"].as_str().expect("a type").to_owned();
        kind.strip_prefix("urn:ietf:params:acme:error:").expect("an ACME type").to_owned()
    }
}

pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) directory: Value,
    pub(crate) key: Key,
    pub(crate) kid: Option<String>,
}

/// A protected header and a body that are right until changed.
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) payload: String,
    pub(crate) content_type: &'static str,
}

impl Client {
    pub(crate) async fn new(lab: &Lab, key: Key) -> Self {
        let LabDescription { directory_url, tls_root_pem, .. } = lab.description();
        let root = reqwest::Certificate::from_pem(tls_root_pem.as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([root]).no_proxy().build().unwrap();
        let text = http.get(directory_url).send().await.unwrap().text().await.unwrap();
        Self { http, directory: serde_json::from_str(&text).unwrap(), key, kid: None }
    }

    /// A client with an account.
    pub(crate) async fn registered(lab: &Lab, key: Key) -> Self {
        let mut client = Self::new(lab, key).await;
        let reply = client.post("newAccount", json!({"termsOfServiceAgreed": true})).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        client.kid = Some(reply.header("location").to_owned());
        client
    }

    /// The URL of a directory entry, or the URL itself.
    pub(crate) fn url(&self, what: &str) -> String {
        self.directory[what].as_str().unwrap_or(what).to_owned()
    }

    pub(crate) async fn nonce(&self) -> String {
        let reply = self.http.head(self.url("newNonce")).send().await.unwrap();
        reply.headers()["replay-nonce"].to_str().unwrap().to_owned()
    }

    pub(crate) async fn draft(&self, what: &str, payload: Option<&Value>) -> Draft {
        let mut header = json!({"alg": self.key.algorithm(), "nonce": self.nonce().await, "url": self.url(what)});
        match &self.kid {
            Some(kid) => header["kid"] = json!(kid),
            None => header["jwk"] = self.key.jwk(),
        }
        let payload = payload.map(Value::to_string).unwrap_or_default();
        Draft { header, payload, content_type: "application/jose+json" }
    }

    pub(crate) async fn send(&self, what: &str, draft: &Draft) -> Reply {
        self.send_signed_by(&self.key, what, draft).await
    }

    pub(crate) async fn send_signed_by(&self, key: &Key, what: &str, draft: &Draft) -> Reply {
        self.send_raw(what, draft.content_type, jws(key, &draft.header, &draft.payload).to_string()).await
    }

    pub(crate) async fn send_raw(&self, what: &str, content_type: &str, body: String) -> Reply {
        let request = self.http.post(self.url(what)).header("content-type", content_type).body(body);
        let reply = request.send().await.expect("a reply");
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Reply { status, headers, text: reply.text().await.unwrap() }
    }

    pub(crate) async fn post(&self, what: &str, payload: Value) -> Reply {
        self.send(what, &self.draft(what, Some(&payload)).await).await
    }

    /// POST-as-GET.
    pub(crate) async fn read(&self, url: &str) -> Reply {
        self.send(url, &self.draft(url, None).await).await
    }

    pub(crate) async fn order(&self, names: &[&str]) -> Reply {
        self.post("newOrder", json!({"identifiers": identifiers(names)})).await
    }

    /// Reads until the status is another than these.
    pub(crate) async fn settled(&self, url: &str, unsettled: &[&str]) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let value = self.read(url).await.json();
            if !unsettled.contains(&value["status"].as_str().expect("a status")) {
                return value;
            }
            assert!(Instant::now() < deadline, "still unsettled: {value}");
        }
    }

    /// Publishes in the lab's zone and answers every challenge; the authorizations at the end.
    pub(crate) async fn answer(&self, lab: &Lab, order: &Value, publish: Publish) -> Vec<Value> {
        let mut settled = Vec::new();
        for url in order["authorizations"].as_array().unwrap() {
            let url = url.as_str().unwrap();
            let authorization = self.read(url).await.json();
            let challenge = &authorization["challenges"][0];
            let name = format!("_acme-challenge.{}", authorization["identifier"]["value"].as_str().unwrap());
            let value = match publish {
                Publish::Right => Some(self.key.txt_value(challenge["token"].as_str().unwrap())),
                Publish::Wrong => Some("wrong".to_owned()),
                Publish::Nothing => None,
            };
            if let Some(value) = value {
                lab.dns.store().add("example.test", &name, RecordType::TXT, 60, &value).unwrap();
            }
            let reply = self.post(challenge["url"].as_str().unwrap(), json!({})).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            settled.push(self.settled(url, &["pending"]).await);
        }
        settled
    }

    /// From order to chain; the order, the chain's PEM and the certificate's key.
    pub(crate) async fn issue(&self, lab: &Lab, names: &[&str]) -> (Value, Reply, rcgen::KeyPair) {
        let reply = self.order(names).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let order_url = reply.header("location").to_owned();
        for authorization in self.answer(lab, &reply.json(), Publish::Right).await {
            assert_eq!(authorization["status"], "valid", "{authorization}");
        }
        let key = rcgen::KeyPair::generate().unwrap();
        let finalized = self.finalize(&reply.json(), names, &key).await;
        assert_eq!(finalized.status, 200, "{}", finalized.text);
        let order = self.settled(&order_url, &["processing"]).await;
        assert_eq!(order["status"], "valid", "{order}");
        let chain = self.read(order["certificate"].as_str().unwrap()).await;
        (order, chain, key)
    }

    pub(crate) async fn finalize(&self, order: &Value, names: &[&str], key: &rcgen::KeyPair) -> Reply {
        self.post(order["finalize"].as_str().unwrap(), json!({"csr": csr(names, key)})).await
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Publish {
    Right,
    Wrong,
    Nothing,
}

pub(crate) fn identifiers(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"type": "dns", "value": name})).collect()
}

pub(crate) fn csr(names: &[&str], key: &rcgen::KeyPair) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    BASE64URL_NOPAD.encode(params.serialize_request(key).unwrap().der())
}

pub(crate) fn jws(key: &Key, header: &Value, payload: &str) -> Value {
    let (protected, payload) =
        (BASE64URL_NOPAD.encode(header.to_string().as_bytes()), BASE64URL_NOPAD.encode(payload.as_bytes()));
    let signed = key.sign(format!("{protected}.{payload}").as_bytes());
    json!({"protected": protected, "payload": payload, "signature": BASE64URL_NOPAD.encode(&signed)})
}

/// The binding of RFC 8555 section 7.3.4.
pub(crate) fn binding(url: &str, key_id: &str, mac_key: &[u8], jwk: &Value) -> Value {
    let header = json!({"alg": "HS256", "kid": key_id, "url": url}).to_string();
    let (protected, payload) =
        (BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(jwk.to_string().as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, mac_key);
    let mac = hmac::sign(&key, format!("{protected}.{payload}").as_bytes());
    json!({"protected": protected, "payload": payload, "signature": BASE64URL_NOPAD.encode(mac.as_ref())})
}
