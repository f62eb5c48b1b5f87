//! Waiting until every name server shows the values.
//!
//! A server that answers with authority and lacks a value blocks: a CA may ask just that one. A server that is silent,
//! unreachable, answers without authority, or fails (REFUSED, SERVFAIL) does not: a CA's resolver goes on to the next
//! server. It is warned of, and at least one server must show the values. Where no server is of use at all, port 53 is
//! likely blocked or intercepted here, and the resolvers are asked. What the servers of a signed zone show is looked at
//! once more through a resolver that validates.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::answer::{Answer, Server, serial};
use super::memo::lock;
use super::poll::{Expectation, Poll, Standing, serial_at};
use super::propagation::{Laggard, PropagationCheck, PropagationError, PropagationEvent, PropagationOptions};
use super::resolver::Resolver;
use super::transport::{AskError, UDP_WAITS};
use super::zone::{Dns, Zone};
use crate::name::DnsName;

impl Dns {
    /// Asks every server at once and then with pauses until all show the values; more values at a name are fine.
    pub async fn await_propagation(
        &self,
        zone: &Zone,
        expected: &Expectation,
        options: &PropagationOptions,
        observe: &(dyn Fn(PropagationEvent) + Sync),
    ) -> Result<(), PropagationError> {
        if options.check == PropagationCheck::None || expected.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let watch = Watch { dns: self, apex: &zone.apex, expected, begun, until: begun + options.timeout, observe };
        if options.check == PropagationCheck::Resolver {
            return watch.resolvers(self.0.resolvers.clone()).await;
        }
        self.say_unroutable(zone, observe);
        let mut useless = Vec::new();
        if !zone.servers.is_empty() {
            let servers: Vec<Server> = zone.servers.iter().cloned().map(Server::Authoritative).collect();
            match watch.until_settled(&servers).await {
                Err(PropagationError::Unanswered { laggards, .. }) => useless = laggards,
                Ok(()) if zone.is_signed => return watch.validated().await,
                outcome => return outcome,
            }
        }
        let resolvers = self.unprejudiced_resolvers();
        observe(PropagationEvent::Fallback { apex: zone.apex.clone(), resolvers: resolvers.clone() });
        watch.resolvers(resolvers).await.map_err(|error| error.with(useless))
    }

    fn say_unroutable(&self, zone: &Zone, observe: &(dyn Fn(PropagationEvent) + Sync)) {
        for is_v4 in [true, false] {
            let servers: Vec<_> = zone.unroutable.iter().filter(|s| s.address.is_ipv4() == is_v4).cloned().collect();
            if !servers.is_empty() && lock(&self.0.families_said).insert(is_v4) {
                observe(PropagationEvent::Unroutable { servers });
            }
        }
    }

    /// Those that cannot have kept a "no" from before the values were published; all, if there are none.
    fn unprejudiced_resolvers(&self) -> Vec<Resolver> {
        let asked = lock(&self.0.asked_before);
        let fresh: Vec<Resolver> = self.0.resolvers.iter().filter(|r| !asked.contains(*r)).cloned().collect();
        if fresh.is_empty() { self.0.resolvers.clone() } else { fresh }
    }
}

pub(super) struct Watch<'a> {
    pub(super) dns: &'a Dns,
    pub(super) apex: &'a DnsName,
    pub(super) expected: &'a Expectation,
    pub(super) begun: Instant,
    pub(super) until: Instant,
    pub(super) observe: &'a (dyn Fn(PropagationEvent) + Sync),
}

impl Watch<'_> {
    /// A resolver that is asked too early keeps its "no", so the name servers get a head start.
    async fn resolvers(&self, resolvers: Vec<Resolver>) -> Result<(), PropagationError> {
        sleep_until(self.until.min(self.begun + HEAD_START)).await;
        let servers: Vec<Server> = resolvers.into_iter().map(Server::Resolver).collect();
        self.until_settled(&servers).await
    }

    /// Good once all are complete, or all but those of no use; an error once none is of use or time is up.
    async fn until_settled(&self, servers: &[Server]) -> Result<(), PropagationError> {
        let grace = Instant::now() + GRACE;
        // What is left is for the serial numbers.
        let last_round = self.until - (self.until - self.begun).min(LONGEST_SERIALS * 10) / 10;
        let (report, mut reports) = mpsc::unbounded_channel();
        let polls: Vec<Poll<'_>> = servers
            .iter()
            .map(|server| Poll { dns: self.dns, server, expected: self.expected, until: last_round })
            .collect();
        let mut running = std::pin::pin!(join_all(polls.iter().enumerate().map(|(n, poll)| poll.run(n, &report))));
        let mut standings = vec![Standing::Untried; servers.len()];
        let (mut in_grace, mut ended) = (true, false);
        loop {
            tokio::select! {
                biased;
                Some((number, round)) = reports.recv() => self.take(&servers[number], &mut standings[number], round),
                _ = &mut running, if !ended => ended = true,
                () = sleep_until(grace), if in_grace => in_grace = false,
                () = sleep_until(last_round) => return self.at_the_end(servers, standings).await,
            }
            if !matches!(verdict(&standings, in_grace), Verdict::Open) {
                return self.at_the_end(servers, standings).await;
            }
        }
    }

    /// Who has given no answer at all by now counts as silent.
    async fn at_the_end(&self, servers: &[Server], mut standings: Vec<Standing>) -> Result<(), PropagationError> {
        for standing in &mut standings {
            if let (Standing::Untried, Some(name)) = (&*standing, self.expected.keys().next()) {
                *standing = Standing::PassedOver { name: name.clone(), answer: Answer::NoAnswer(AskError::Silent) };
            }
        }
        let verdict = verdict(&standings, false);
        let laggards = laggards(servers, standings);
        match verdict {
            Verdict::Good => {
                self.warn_of(laggards);
                Ok(())
            }
            Verdict::Useless => Err(PropagationError::Unanswered { waited: self.begun.elapsed(), laggards }),
            Verdict::Open => Err(self.late(servers, laggards).await),
        }
    }

    fn take(&self, server: &Server, standing: &mut Standing, round: Standing) {
        let before = std::mem::replace(standing, Standing::Untried);
        *standing = before.clone().after(round);
        match standing.clone() {
            Standing::Complete if before != Standing::Complete => {
                (self.observe)(PropagationEvent::Complete { server: server.clone(), waited: self.begun.elapsed() });
            }
            Standing::Lacks { name, answer } if !matches!(before, Standing::Lacks { .. }) => {
                (self.observe)(PropagationEvent::Lacking { server: server.clone(), name, answer });
            }
            _ => {}
        }
    }

    fn warn_of(&self, laggards: Vec<Laggard>) {
        for Laggard { server, name, answer, .. } in laggards {
            (self.observe)(PropagationEvent::PassedOver { server, name, answer });
        }
    }

    /// Tells of slow secondaries by their serial numbers.
    async fn late(&self, servers: &[Server], mut laggards: Vec<Laggard>) -> PropagationError {
        let asks = servers.iter().map(|server| timeout_at(self.until, serial_at(self.dns, server, self.apex)));
        let replies = join_all(asks).await;
        let serials = replies.iter().map(|reply| serial(reply.as_ref().ok()?.as_ref().ok()?));
        let serials: Vec<_> =
            servers.iter().zip(serials).filter_map(|(server, serial)| Some((server, serial?))).collect();
        let newest = serials.iter().map(|(_, serial)| *serial).reduce(newer);
        for laggard in &mut laggards {
            let own = serials.iter().find(|(server, _)| **server == laggard.server).map(|(_, serial)| *serial);
            laggard.behind = own.zip(newest).filter(|(own, newest)| own != newest);
        }
        PropagationError::Lagging { waited: self.begun.elapsed(), laggards }
    }
}

/// As long as a server must be of no use before it is passed over: a silent one has used up its time for one question.
const GRACE: Duration =
    Duration::from_millis((UDP_WAITS[0].as_millis() + UDP_WAITS[1].as_millis() + UDP_WAITS[2].as_millis()) as u64);
/// Most providers' servers have taken a change by then.
const HEAD_START: Duration = Duration::from_secs(3);
const LONGEST_SERIALS: Duration = Duration::from_secs(1);

enum Verdict {
    Open,
    Good,
    Useless,
}

fn verdict(standings: &[Standing], in_grace: bool) -> Verdict {
    let count = |is: fn(&Standing) -> bool| standings.iter().filter(|standing| is(standing)).count();
    let complete = count(|standing| *standing == Standing::Complete);
    let passed_over = count(|standing| matches!(standing, Standing::PassedOver { .. }));
    match (complete, passed_over) {
        (complete, 0) if complete == standings.len() => Verdict::Good,
        (complete, passed_over) if in_grace || complete + passed_over < standings.len() => Verdict::Open,
        (0, _) => Verdict::Useless,
        _ => Verdict::Good,
    }
}

fn laggards(servers: &[Server], standings: Vec<Standing>) -> Vec<Laggard> {
    let lagging = servers.iter().zip(standings).filter_map(|(server, standing)| {
        let (name, answer) = match standing {
            Standing::Complete | Standing::Untried => return None,
            Standing::Lacks { name, answer } | Standing::PassedOver { name, answer } => (name, answer),
        };
        Some(Laggard { server: server.clone(), name, answer, behind: None })
    });
    lagging.collect()
}

/// The later of two serial numbers: RFC 1982.
fn newer(a: u32, b: u32) -> u32 {
    if b.wrapping_sub(a) < 1 << 31 { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_over() -> Standing {
        Standing::PassedOver { name: "a.test".parse().expect("a name"), answer: Answer::NoAnswer(AskError::Silent) }
    }

    #[test]
    fn a_useless_server_is_waited_for_only_during_the_grace_and_never_enough_alone() {
        let one_dead = [Standing::Complete, passed_over()];
        assert!(matches!(verdict(&one_dead, true), Verdict::Open));
        assert!(matches!(verdict(&one_dead, false), Verdict::Good));
        assert!(matches!(verdict(&[passed_over(), passed_over()], false), Verdict::Useless));
        assert!(matches!(verdict(&[Standing::Complete, Standing::Untried], false), Verdict::Open));
    }

    #[test]
    fn serial_numbers_wrap_around() {
        assert_eq!(newer(4_294_967_295, 3), 3);
        assert_eq!(newer(3, 4_294_967_295), 3);
        assert_eq!(newer(7, 9), 9);
    }
}
