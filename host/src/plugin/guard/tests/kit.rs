//! One call of a provider whose manifest is among the fixtures, with requests written in one line.

use super::super::*;
use crate::plugin::wire::{Phase, TxtRecord};

pub(super) const NAME: &str = "_acme-challenge.example.com";

/// A call for the value "ours" at [`NAME`].
pub(super) fn call(manifest: &str, phase: Phase) -> Guard {
    call_for(manifest, phase, "example.com", NAME)
}

pub(super) fn call_for(manifest: &str, phase: Phase, zone: &str, name: &str) -> Guard {
    let manifest = Manifest::parse(manifest).expect("a valid manifest");
    let settings: Vec<(String, String)> =
        manifest.fields.iter().filter(|field| !field.secret).map(|field| (field.name.clone(), "set".into())).collect();
    let records = vec![TxtRecord { name: name.parse().expect("a name"), value: "ours".into() }];
    let scope = Scope { phase, zone: Some(zone.parse().expect("a name")), records, max_ttl: 3600 };
    Guard::new(Arc::new(manifest), &settings, scope, &[]).expect("a guard")
}

/// The same call's clean-up in another process.
pub(super) fn cleanup_after(present: &Guard) -> Guard {
    let scope = Scope { phase: Phase::Cleanup, ..present.scope.clone() };
    let settings: Vec<(String, String)> = present.settings.clone().into_iter().collect();
    Guard::new(present.manifest.clone(), &settings, scope, &present.memory()).expect("a guard")
}

pub(super) fn ask_for(endpoint: &str) -> GuestRequest {
    let (path, query, headers, inject) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    GuestRequest { endpoint: endpoint.into(), path, query, headers, body: None, inject }
}

impl GuestRequest {
    pub(super) fn path(mut self, name: &str, value: &str) -> Self {
        self.path.push((name.into(), value.into()));
        self
    }

    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(super) fn body(mut self, text: &str) -> Self {
        self.body = Some(text.as_bytes().to_vec());
        self
    }

    /// With another text in its body, which must have been there.
    pub(super) fn with(&self, from: &str, to: &str) -> Self {
        let body = String::from_utf8(self.body.clone().expect("a body")).expect("UTF-8");
        assert!(body.contains(from), "{from} is not in {body}");
        self.clone().body(&body.replacen(from, to, 1))
    }
}

impl Guard {
    /// What the guard says of a request.
    pub(super) fn says(&self, request: &GuestRequest) -> String {
        self.admit(request).map_or_else(|refusal| refusal.rule, |_| "admitted".into())
    }

    /// Sends a request that is admitted and takes its reply up.
    pub(super) fn sent(&mut self, request: &GuestRequest, status: u16, reply: &str) {
        let admitted = self.admit(request).expect("an admitted request");
        self.observe(&admitted, status, reply.as_bytes()).expect("a reply that is shown");
    }

    /// Each of these is refused by the rule that its text is part of.
    pub(super) fn refuses(&self, cases: &[(GuestRequest, &str)]) {
        for (request, rule) in cases {
            let said = self.says(request);
            let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default());
            let (endpoint, path, query) = (&request.endpoint, &request.path, &request.query);
            assert!(said.contains(rule), "{said:?} and not {rule:?} for {endpoint} {path:?} {query:?}\n{body}");
        }
    }
}

/// Neither `check` nor `settled` writes.
pub(super) fn only_reads_may_check(guard: impl Fn(Phase) -> Guard, write: &GuestRequest) {
    for phase in [Phase::Check, Phase::Settled] {
        guard(phase).refuses(&[(write.clone(), "it writes, which")]);
    }
}
