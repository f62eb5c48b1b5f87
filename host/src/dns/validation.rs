//! Whether the DNSSEC signatures of the values hold, as a resolver that validates sees it.
//!
//! Only values that all name servers show are asked for, so that no resolver keeps a "no" on their account. Who does
//! not validate, fails in another way or still keeps an older answer decides nothing: the CA asks elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use hickory_proto::rr::RecordType;

use super::answer::{Answer, Server};
use super::memo::lock;
use super::propagation::{Laggard, PropagationError, PropagationEvent};
use super::resolver::Resolver;
use super::transport::Recursion;
use super::watch::Watch;
use crate::backoff::Backoff;
use crate::name::DnsName;

/// What a resolver makes of the values.
enum Opinion {
    Holds,
    Bogus { name: DnsName, answer: Answer },
    None,
}

impl Watch<'_> {
    /// Good unless every resolver that has an opinion finds them bogus until time is up.
    pub(super) async fn validated(&self) -> Result<(), PropagationError> {
        let resolvers: Vec<Resolver> = lock(&self.dns.0.validating).iter().cloned().collect();
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, self.until);
        let mut said = BTreeSet::new();
        loop {
            let opinions = join_all(resolvers.iter().map(|resolver| self.opinion(resolver))).await;
            let mut bogus = Vec::new();
            for (resolver, opinion) in resolvers.iter().zip(opinions) {
                let server = Server::Resolver(resolver.clone());
                match opinion {
                    Opinion::Holds => {
                        (self.observe)(PropagationEvent::Validated { server });
                        return Ok(());
                    }
                    Opinion::Bogus { name, answer } => bogus.push(Laggard { server, name, answer, behind: None }),
                    Opinion::None => {}
                }
            }
            if bogus.is_empty() {
                return Ok(());
            }
            self.say(&bogus, &mut said);
            if !backoff.pause(Duration::ZERO).await {
                let (apex, waited) = (self.apex.clone(), self.begun.elapsed());
                return Err(PropagationError::Bogus { apex, waited, laggards: bogus });
            }
        }
    }

    fn say(&self, bogus: &[Laggard], said: &mut BTreeSet<Server>) {
        for Laggard { server, name, answer, .. } in bogus {
            if said.insert(server.clone()) {
                let (server, name, answer) = (server.clone(), name.clone(), answer.clone());
                (self.observe)(PropagationEvent::Bogus { server, name, answer });
            }
        }
    }

    /// One bogus name is enough, as the CA looks at each.
    async fn opinion(&self, resolver: &Resolver) -> Opinion {
        let names = stream::iter(self.expected.keys());
        let opinions = names.map(|name| self.opinion_on(resolver, name)).buffer_unordered(QUESTIONS_PER_RESOLVER);
        let mut worst = Opinion::Holds;
        for opinion in opinions.collect::<Vec<_>>().await {
            match (&worst, &opinion) {
                (_, Opinion::Bogus { .. }) | (Opinion::Holds, Opinion::None) => worst = opinion,
                _ => {}
            }
        }
        worst
    }

    async fn opinion_on(&self, resolver: &Resolver, name: &DnsName) -> Opinion {
        let reply = self.dns.ask_resolver(resolver, name, RecordType::TXT).await;
        let validated = reply.as_ref().is_ok_and(|message| message.metadata.authentic_data);
        match Answer::of_recursion(&reply, name) {
            answer if validated && answer.shows(&self.expected[name]) => Opinion::Holds,
            Answer::Failed { rcode } if self.is_withheld(resolver, name).await => {
                Opinion::Bogus { name: name.clone(), answer: Answer::Bogus { rcode } }
            }
            _ => Opinion::None,
        }
    }

    /// Whether the resolver hands out the values once it need not check them.
    async fn is_withheld(&self, resolver: &Resolver, name: &DnsName) -> bool {
        let reply = self.dns.ask_resolver_as(resolver, name, RecordType::TXT, Recursion::Unchecked).await;
        Answer::of_recursion(&reply, name).shows(&self.expected[name])
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const QUESTIONS_PER_RESOLVER: usize = 8;
