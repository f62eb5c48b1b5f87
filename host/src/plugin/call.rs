//! The host's side of one running call: what its guest's imports do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::plugin::bindings::acmite::provider as wit;
use crate::plugin::dns_update::{DnsUpdater, UpdateError};
use crate::plugin::guard::Guard;
use crate::plugin::http::{self, Allowance, Reply, SendError, Wire};
use crate::plugin::limits::{Budget, Limits};
use crate::plugin::secret::{Encoding, Fault, Hash, Secrets, Signing};
use crate::plugin::told::{ErrorKind, Told};
use crate::plugin::wire::{GuestRequest, Part, Phase, Scope, TxtRecord};

/// All that one call holds.
pub(super) struct CallState {
    plugin: String,
    scope: Scope,
    guard: Guard,
    secrets: Secrets,
    wire: Arc<Wire>,
    updater: Option<Arc<DnsUpdater>>,
    deadline: Instant,
    limits: Limits,
    requests_left: usize,
    log_lines: usize,
    last_line: Option<String>,
    pub(super) budget: Budget,
}

impl CallState {
    pub(super) fn new(
        plugin: String,
        scope: Scope,
        guard: Guard,
        secrets: Secrets,
        wire: Arc<Wire>,
        updater: Option<Arc<DnsUpdater>>,
        limits: Limits,
    ) -> Self {
        let deadline = Instant::now() + limits.call_time;
        let requests_left = limits.requests_for(scope.records.len());
        let budget = Budget::new(limits.clone());
        let (log_lines, last_line) = (0, None);
        Self {
            plugin,
            scope,
            guard,
            secrets,
            wire,
            updater,
            deadline,
            limits,
            requests_left,
            log_lines,
            last_line,
            budget,
        }
    }

    /// When the call ends, whatever it does.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What later calls may rely on.
    pub(super) fn memory(&self) -> Vec<u8> {
        self.guard.memory()
    }

    /// Whether a record may have been changed.
    pub(super) fn has_written(&self) -> bool {
        self.guard.has_written()
    }

    /// The guest's last log line.
    pub(super) fn last_words(&self) -> Option<String> {
        self.last_line.clone()
    }

    /// An error as it may be shown: scrubbed, one line, short.
    pub(super) fn clean_error(&self, error: wit::types::Error) -> Told {
        Told {
            kind: error_kind(error.kind),
            code: self.clean(&error.code),
            message: self.clean(&error.message),
            status: error.status,
            retry_after: error.retry_after.map(|seconds| Duration::from_secs(seconds.into())),
            hint: error.hint.map(|hint| self.clean(&hint)),
        }
    }

    /// Scrubbed, without what moves the cursor or hides text, on one line, at most so long.
    fn clean(&self, text: &str) -> String {
        let (start, is_cut) = beginning(text, self.limits.line_chars.saturating_mul(CLEANED_A_CHAR));
        let scrubber = self.secrets.scrubber();
        let scrubbed = scrubber.text(start);
        // A secret that the cut went through is not found; so much of the end may be its beginning.
        let doubtful = if is_cut { scrubber.longest() } else { 0 };
        let (sure, _) = beginning(&scrubbed, scrubbed.len().saturating_sub(doubtful));
        let visible = sure.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c });
        visible.take(self.limits.line_chars).collect()
    }

    async fn send_checked(
        &mut self,
        requests: Vec<wit::http::Request>,
    ) -> Vec<Result<wit::http::Reply, wit::http::SendError>> {
        let count = requests.len();
        if let Err(text) = self.take_requests(count) {
            return (0..count).map(|_| Err(wit::http::SendError::Refused(text.clone()))).collect();
        }
        let requests: Vec<GuestRequest> = requests.into_iter().map(guest_request).collect();
        let allowance = Allowance {
            deadline: self.deadline - self.limits.report_time,
            request_time: self.limits.request_time,
            reply_bytes: self.limits.reply_bytes,
        };
        let replies = http::send_all(&self.wire, &mut self.guard, &mut self.secrets, &requests, allowance).await;
        for (request, reply) in requests.iter().zip(&replies) {
            self.trace(request, reply);
        }
        replies.into_iter().map(|reply| reply.map(wit_reply).map_err(|error| self.wit_send_error(error))).collect()
    }

    /// The guest's own words are in a refusal too.
    fn trace(&self, request: &GuestRequest, reply: &Result<Reply, SendError>) {
        let (plugin, phase, endpoint) = (&self.plugin, self.scope.phase.as_str(), self.clean(&request.endpoint));
        match reply {
            Ok(reply) => tracing::debug!(plugin, phase, endpoint, status = reply.status, "request"),
            Err(SendError::Refused(rule)) => {
                tracing::warn!(plugin, phase, endpoint, rule = self.clean(rule), "request refused");
            }
            Err(SendError::Unsent(error) | SendError::Unanswered(error)) => {
                tracing::warn!(plugin, phase, endpoint, error = self.clean(error), "request failed");
            }
        }
    }

    /// Takes so many requests from what the call may make.
    fn take_requests(&mut self, count: usize) -> Result<(), String> {
        let limit = self.limits.requests_for(self.scope.records.len());
        self.requests_left =
            self.requests_left.checked_sub(count).ok_or_else(|| format!("more than {limit} requests in one call"))?;
        Ok(())
    }

    fn wit_send_error(&self, error: SendError) -> wit::http::SendError {
        match error {
            SendError::Refused(text) => wit::http::SendError::Refused(self.clean(&text)),
            SendError::Unsent(text) => wit::http::SendError::Unsent(self.clean(&text)),
            SendError::Unanswered(text) => wit::http::SendError::Unanswered(self.clean(&text)),
        }
    }

    fn checked_update(&self, additions: &[TxtRecord], deletions: &[TxtRecord], ttl: u32) -> Result<(), String> {
        let phase = self.scope.phase;
        let allowed = match phase {
            Phase::Present => deletions.is_empty(),
            Phase::Cleanup => additions.is_empty(),
            Phase::Settled | Phase::Check => additions.is_empty() && deletions.is_empty(),
        };
        if !allowed {
            return Err(format!("{} may not make this kind of change", phase.as_str()));
        }
        if ttl > self.scope.max_ttl {
            return Err(format!("the TTL {ttl} is above {}", self.scope.max_ttl));
        }
        let changed: Vec<&TxtRecord> = additions.iter().chain(deletions).collect();
        if let Some(record) = changed.iter().find(|record| !self.scope.records.contains(record)) {
            return Err(format!("the value at {} is not one of this call", record.name));
        }
        let distinct: BTreeSet<&TxtRecord> = changed.iter().copied().collect();
        if distinct.len() < changed.len() { Err("a value is given twice".into()) } else { Ok(()) }
    }
}

/// The text up to so many bytes, less what is left of a character there; whether that cut something off.
fn beginning(text: &str, bytes: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(bytes);
    (&text[..end], end < text.len())
}

/// Turns text around, hides within it or breaks a line.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Bytes that are scrubbed for each character that is kept.
const CLEANED_A_CHAR: usize = 16;

fn guest_request(request: wit::http::Request) -> GuestRequest {
    GuestRequest {
        endpoint: request.endpoint,
        path: plain_pairs(request.path),
        query: plain_pairs(request.query),
        headers: plain_pairs(request.headers),
        body: request.body,
        inject: request.inject.into_iter().map(|one| (one.place, parts(one.value))).collect(),
    }
}

fn plain_pairs(pairs: Vec<wit::types::Pair>) -> Vec<(String, String)> {
    pairs.into_iter().map(|pair| (pair.name, pair.value)).collect()
}

fn parts(parts: Vec<wit::types::Part>) -> Vec<Part> {
    parts
        .into_iter()
        .map(|part| match part {
            wit::types::Part::Text(text) => Part::Text(text),
            wit::types::Part::Bytes(bytes) => Part::Bytes(bytes),
            wit::types::Part::Secret(number) => Part::Secret(number),
        })
        .collect()
}

fn wit_reply(reply: Reply) -> wit::http::Reply {
    let headers = reply.headers.into_iter().map(|(name, value)| wit::types::Pair { name, value }).collect();
    wit::http::Reply { status: reply.status, headers, body: reply.body }
}

fn error_kind(kind: wit::types::ErrorKind) -> ErrorKind {
    use wit::types::ErrorKind as Wit;
    match kind {
        Wit::Denied => ErrorKind::Denied,
        Wit::Forbidden => ErrorKind::Forbidden,
        Wit::ZoneNotFound => ErrorKind::ZoneNotFound,
        Wit::Conflict => ErrorKind::Conflict,
        Wit::RateLimited => ErrorKind::RateLimited,
        Wit::Misconfigured => ErrorKind::Misconfigured,
        Wit::Upstream => ErrorKind::Upstream,
        Wit::Transient => ErrorKind::Transient,
        Wit::Unsupported => ErrorKind::Unsupported,
        Wit::Other => ErrorKind::Other,
    }
}

impl wit::types::Host for CallState {}

impl wit::http::Host for CallState {
    async fn send(
        &mut self,
        request: wit::http::Request,
    ) -> wasmtime::Result<Result<wit::http::Reply, wit::http::SendError>> {
        let reply = self.send_checked(vec![request]).await.pop();
        reply.ok_or_else(|| wasmtime::format_err!("a request had no result"))
    }

    async fn send_all(
        &mut self,
        requests: Vec<wit::http::Request>,
    ) -> wasmtime::Result<Vec<Result<wit::http::Reply, wit::http::SendError>>> {
        Ok(self.send_checked(requests).await)
    }
}

impl wit::dns_update::Host for CallState {
    async fn apply(
        &mut self,
        additions: Vec<wit::types::Txt>,
        deletions: Vec<wit::types::Txt>,
        ttl: u32,
    ) -> wasmtime::Result<Result<(), wit::dns_update::UpdateError>> {
        let refused = |text: String| Ok(Err(wit::dns_update::UpdateError::Refused(text)));
        let (Some(updater), Some(zone)) = (self.updater.clone(), self.scope.zone.clone()) else {
            return refused("the manifest has no [dns_update], or the call no zone".into());
        };
        let (additions, deletions) = match (txt_records(additions), txt_records(deletions)) {
            (Ok(additions), Ok(deletions)) => (additions, deletions),
            (Err(text), _) | (_, Err(text)) => return refused(text),
        };
        if let Err(text) = self.checked_update(&additions, &deletions, ttl).and_then(|()| self.take_requests(1)) {
            return refused(text);
        }
        let deadline = self.deadline - self.limits.report_time;
        let result = updater.apply(&zone, &additions, &deletions, ttl, deadline).await;
        // What is answered with an error is not done, nor a part of it: RFC 2136 section 3.
        if matches!(result, Ok(()) | Err(UpdateError::Unanswered(_))) {
            self.guard.note_write();
        }
        tracing::debug!(plugin = self.plugin, %zone, additions = additions.len(), deletions = deletions.len(), ok = result.is_ok(), "DNS update");
        Ok(result.map_err(update_error))
    }

    async fn probe(&mut self) -> wasmtime::Result<Result<bool, wit::dns_update::UpdateError>> {
        let (Some(updater), Some(zone)) = (self.updater.clone(), self.scope.zone.clone()) else {
            return Ok(Err(wit::dns_update::UpdateError::Refused(
                "the manifest has no [dns_update], or the call no zone".into(),
            )));
        };
        if let Err(text) = self.take_requests(1) {
            return Ok(Err(wit::dns_update::UpdateError::Refused(text)));
        }
        Ok(updater.probe(&zone, self.deadline - self.limits.report_time).await.map_err(update_error))
    }
}

fn txt_records(records: Vec<wit::types::Txt>) -> Result<Vec<TxtRecord>, String> {
    records
        .into_iter()
        .map(|txt| {
            let name = txt.name.parse().map_err(|error: crate::name::NameError| error.to_string())?;
            Ok(TxtRecord { name, value: txt.value })
        })
        .collect()
}

fn update_error(error: UpdateError) -> wit::dns_update::UpdateError {
    use wit::dns_update::{Rcode, UpdateError as Wit};
    match error {
        UpdateError::Refused(text) => Wit::Refused(text),
        UpdateError::Unsent(text) => Wit::Unsent(text),
        UpdateError::Unanswered(text) => Wit::Unanswered(text),
        UpdateError::Rcode { code, name, message } => Wit::Rcode(Rcode { code, name, message }),
    }
}

impl wit::secrets::Host for CallState {
    fn credential(&mut self, name: String) -> wasmtime::Result<Result<u32, wit::secrets::Fault>> {
        Ok(self.secrets.credential(&name).map_err(fault))
    }

    fn encode(
        &mut self,
        encoding: wit::secrets::Encoding,
        pieces: Vec<wit::types::Part>,
    ) -> wasmtime::Result<Result<u32, wit::secrets::Fault>> {
        let encoding = match encoding {
            wit::secrets::Encoding::None => Encoding::None,
            wit::secrets::Encoding::Hex => Encoding::Hex,
            wit::secrets::Encoding::Base64 => Encoding::Base64,
            wit::secrets::Encoding::Base64url => Encoding::Base64url,
            wit::secrets::Encoding::Percent => Encoding::Percent,
        };
        Ok(self.secrets.encode(encoding, &parts(pieces)).map_err(fault))
    }

    fn digest(
        &mut self,
        algorithm: wit::secrets::Hash,
        pieces: Vec<wit::types::Part>,
    ) -> wasmtime::Result<Result<u32, wit::secrets::Fault>> {
        Ok(self.secrets.digest(hash(algorithm), &parts(pieces)).map_err(fault))
    }

    fn hmac(
        &mut self,
        algorithm: wit::secrets::Hash,
        key: Vec<wit::types::Part>,
        data: Vec<wit::types::Part>,
    ) -> wasmtime::Result<Result<u32, wit::secrets::Fault>> {
        Ok(self.secrets.hmac(hash(algorithm), &parts(key), &parts(data)).map_err(fault))
    }

    fn sign(
        &mut self,
        algorithm: wit::secrets::Signing,
        key: u32,
        data: Vec<wit::types::Part>,
    ) -> wasmtime::Result<Result<u32, wit::secrets::Fault>> {
        let algorithm = match algorithm {
            wit::secrets::Signing::RsaPkcs1Sha256 => Signing::RsaPkcs1Sha256,
            wit::secrets::Signing::RsaPkcs1Sha512 => Signing::RsaPkcs1Sha512,
            wit::secrets::Signing::RsaPssSha256 => Signing::RsaPssSha256,
            wit::secrets::Signing::EcdsaP256Sha256 => Signing::EcdsaP256Sha256,
            wit::secrets::Signing::EcdsaP384Sha384 => Signing::EcdsaP384Sha384,
            wit::secrets::Signing::Ed25519 => Signing::Ed25519,
        };
        Ok(self.secrets.sign(algorithm, key, &parts(data)).map_err(fault))
    }

    fn totp(&mut self, key: u32) -> wasmtime::Result<Result<u32, wit::secrets::Fault>> {
        Ok(self.secrets.totp(key).map_err(fault))
    }
}

fn hash(hash: wit::secrets::Hash) -> Hash {
    match hash {
        wit::secrets::Hash::Md5 => Hash::Md5,
        wit::secrets::Hash::Sha1 => Hash::Sha1,
        wit::secrets::Hash::Sha256 => Hash::Sha256,
        wit::secrets::Hash::Sha384 => Hash::Sha384,
        wit::secrets::Hash::Sha512 => Hash::Sha512,
    }
}

fn fault(fault: Fault) -> wit::secrets::Fault {
    match fault {
        Fault::UnknownCredential => wit::secrets::Fault::UnknownCredential,
        Fault::UnknownSecret => wit::secrets::Fault::UnknownSecret,
        Fault::BadKey => wit::secrets::Fault::BadKey,
        Fault::Limit => wit::secrets::Fault::Limit,
    }
}

impl wit::log::Host for CallState {
    fn write(&mut self, level: wit::log::Level, message: String) -> wasmtime::Result<()> {
        self.log_lines += 1;
        if self.log_lines > self.limits.log_lines {
            return Ok(());
        }
        let line = self.clean(&message);
        let (plugin, phase) = (&self.plugin, self.scope.phase.as_str());
        match level {
            wit::log::Level::Debug => tracing::debug!(plugin, phase, "{line}"),
            wit::log::Level::Info => tracing::info!(plugin, phase, "{line}"),
            wit::log::Level::Warn => tracing::warn!(plugin, phase, "{line}"),
        }
        self.last_line = Some(line);
        Ok(())
    }
}
