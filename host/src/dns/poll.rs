//! Asking one server again and again until it shows every value.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::answer::{Answer, Server};
use super::transport::AskError;
use super::zone::Dns;
use crate::backoff::Backoff;
use crate::name::DnsName;

/// The values that must be seen at each name.
pub type Expectation = BTreeMap<DnsName, BTreeSet<String>>;

/// How far a server has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// No reply is in yet, and it is not yet silent.
    Untried,
    /// Every value was seen.
    Complete,
    /// It gave an answer that a CA would believe and that lacks a value.
    Lacks { name: DnsName, answer: Answer },
    /// So far a CA's resolver would have asked another server.
    PassedOver { name: DnsName, answer: Answer },
}

impl Standing {
    /// What is known after a round; who once lacked a value stays in the way until it shows all, silent or not.
    pub(super) fn after(self, round: Self) -> Self {
        match (&self, &round) {
            (Self::Lacks { .. }, Self::PassedOver { .. }) => self,
            _ => round,
        }
    }
}

/// One server and what it must show.
pub(super) struct Poll<'a> {
    pub(super) dns: &'a Dns,
    pub(super) server: &'a Server,
    pub(super) expected: &'a Expectation,
    pub(super) until: Instant,
}

impl Poll<'_> {
    /// Reports after each round; ends when every value was seen or time is up.
    pub(super) async fn run(&self, number: usize, reports: &UnboundedSender<(usize, Standing)>) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, self.until);
        let mut pending: Vec<&DnsName> = self.expected.keys().collect();
        loop {
            let standing = self.round(&mut pending).await;
            // Nobody listens any more: the verdict is in.
            if reports.send((number, standing)).is_err() || pending.is_empty() {
                return;
            }
            if !backoff.pause(Duration::ZERO).await {
                return;
            }
        }
    }

    /// Asks about each pending name once and keeps those that still lack a value. The first goes ahead, so that a dead
    /// server costs one question.
    async fn round(&self, pending: &mut Vec<&DnsName>) -> Standing {
        let Some(first) = pending.first().copied() else { return Standing::Complete };
        let answer = self.ask(first).await;
        if answer.is_passed_over() {
            return Standing::PassedOver { name: first.clone(), answer };
        }
        let rest = stream::iter(pending[1..].to_vec());
        let rest = rest.map(|name| async move { (name, self.ask(name).await) });
        let mut answers = vec![(first, answer)];
        answers.extend(rest.buffer_unordered(QUESTIONS_PER_SERVER).collect::<Vec<_>>().await);
        answers.retain(|(name, answer)| !answer.shows(&self.expected[*name]));
        answers.sort_by_key(|(name, answer)| (answer.is_passed_over(), *name));
        *pending = answers.iter().map(|(name, _)| *name).collect();
        match answers.into_iter().next() {
            None => Standing::Complete,
            Some((name, answer)) if answer.is_passed_over() => Standing::PassedOver { name: name.clone(), answer },
            Some((name, answer)) => Standing::Lacks { name: name.clone(), answer },
        }
    }

    async fn ask(&self, name: &DnsName) -> Answer {
        match self.server {
            Server::Authoritative(server) => {
                let reply = self.dns.ask_authority(server.address, name, RecordType::TXT).await;
                Answer::of_authority(&reply, name)
            }
            Server::Resolver(resolver) => {
                Answer::of_recursion(&self.dns.ask_resolver(resolver, name, RecordType::TXT).await, name)
            }
        }
    }
}

/// The server's own serial number of a zone.
pub(super) async fn serial_at(dns: &Dns, server: &Server, apex: &DnsName) -> Result<Message, AskError> {
    match server {
        Server::Authoritative(server) => dns.ask_authority(server.address, apex, RecordType::SOA).await,
        Server::Resolver(resolver) => dns.ask_resolver(resolver, apex, RecordType::SOA).await,
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const QUESTIONS_PER_SERVER: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks() -> Standing {
        let answer = Answer::Values { rcode: "NXDOMAIN".into(), values: BTreeSet::new(), cached: None };
        Standing::Lacks { name: "a.test".parse().expect("a name"), answer }
    }

    fn passed_over() -> Standing {
        Standing::PassedOver { name: "a.test".parse().expect("a name"), answer: Answer::NoAnswer(AskError::Silent) }
    }

    #[test]
    fn a_server_that_lacked_a_value_and_falls_silent_stays_in_the_way() {
        assert_eq!(lacks().after(passed_over()), lacks());
        assert_eq!(lacks().after(Standing::Complete), Standing::Complete);
        assert_eq!(passed_over().after(lacks()), lacks());
    }
}
