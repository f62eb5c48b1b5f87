//! What goes wrong on request, and the log of what was asked.

use std::time::{Duration, SystemTime};

use serde::Serialize;

/// The CA's resources, RFC 8555 section 7.1 and RFC 9773 section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is the resource it names")]
pub enum Endpoint {
    Directory,
    NewNonce,
    NewAccount,
    Account,
    Orders,
    KeyChange,
    NewOrder,
    Order,
    Finalize,
    Authorization,
    Challenge,
    Certificate,
    RevokeCert,
    RenewalInfo,
    /// A path that leads nowhere.
    Unknown,
}

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status and nothing executed: 429 is rateLimited, any other serverInternal.
    Status {
        /// HTTP status.
        status: u16,
        /// Seconds for the Retry-After header.
        retry_after: Option<u32>,
    },
    /// badNonce, whatever the nonce.
    BadNonce,
    /// The connection is cut (over HTTP/2 the stream is reset), nothing executed.
    Drop,
    /// Executed, then cut: the client cannot know it took effect.
    DropAfter,
    /// Never answered, nothing executed.
    Hang,
    /// Executed, then never answered.
    HangAfter,
    /// Executed, then answered with a body that is not JSON.
    Malformed,
    /// Executed, then the answer breaks off in the middle of its body.
    Truncated,
    /// Executed this much later.
    Slow(Duration),
}

/// One request and its answer. Bodies are left out: they are signed, not secret, and long.
#[derive(Clone, Debug, Serialize)]
pub struct RequestLog {
    /// What was asked.
    pub endpoint: Endpoint,
    /// Upper case.
    pub method: String,
    /// As the client wrote it.
    pub url: String,
    /// The answer's status; 0 where none was sent.
    pub status: u16,
    /// The problem's type without its URN prefix, where it was one.
    pub problem: Option<&'static str>,
    /// When it came.
    #[serde(skip)]
    pub at: SystemTime,
}

/// Faults in waiting.
#[derive(Debug, Default)]
pub(super) struct Faults {
    queued: Vec<(Option<Endpoint>, Fault)>,
    /// How many requests come before, and which fault.
    counted: Vec<(usize, Fault)>,
}

impl Faults {
    pub(super) fn add(&mut self, count: usize, endpoint: Option<Endpoint>, fault: &Fault) {
        self.queued.extend(std::iter::repeat_n((endpoint, fault.clone()), count));
    }

    pub(super) fn add_at(&mut self, number: usize, fault: Fault) {
        self.counted.push((number, fault));
    }

    /// The one for this very request, else the oldest that suits the endpoint.
    pub(super) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        self.counted.iter_mut().for_each(|(before, _)| *before = before.saturating_sub(1));
        if let Some(position) = self.counted.iter().position(|(before, _)| *before == 0) {
            return Some(self.counted.remove(position).1);
        }
        let suits = |(wanted, _): &(Option<Endpoint>, Fault)| wanted.is_none_or(|wanted| wanted == endpoint);
        let position = self.queued.iter().position(suits)?;
        Some(self.queued.remove(position).1)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_waits_for_its_endpoint() {
        let mut faults = Faults::default();
        faults.add(1, Some(Endpoint::NewOrder), &Fault::Drop);
        faults.add(1, None, &Fault::BadNonce);
        assert_eq!(faults.take(Endpoint::Directory), Some(Fault::BadNonce));
        assert_eq!(faults.take(Endpoint::Directory), None);
        assert_eq!(faults.take(Endpoint::NewOrder), Some(Fault::Drop));
    }

    #[test]
    fn a_fault_at_a_number_is_met_by_that_request_alone() {
        let mut faults = Faults::default();
        faults.add_at(2, Fault::Drop);
        let taken = [(); 3].map(|()| faults.take(Endpoint::NewOrder));
        assert_eq!(taken, [None, Some(Fault::Drop), None]);
    }
}
