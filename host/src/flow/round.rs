//! The hooks of one run: a pre or post hook that several certificates share runs once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::event::Event;
use super::hooks::{self, HOOK_TIME, HookContext, in_folder};
use crate::store::renewal::Hooks;
use crate::store::renewal_state::{RenewalState, RenewalStateError};
use crate::store::{HookKind, StateDir};

/// What has run, and what is to run at the end.
pub struct HookRound<'a> {
    state: &'a StateDir,
    // Held while they run: another certificate with the same hook waits for it.
    pre: tokio::sync::Mutex<BTreeSet<String>>,
    post: Mutex<Vec<String>>,
}

impl std::fmt::Debug for HookRound<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookRound").field("post", &self.post).finish_non_exhaustive()
    }
}

/// Is told what hooks did.
pub type Tell<'a> = &'a (dyn Fn(Event) + Send + Sync);

impl<'a> HookRound<'a> {
    /// A round in which nothing has run.
    pub fn new(state: &'a StateDir) -> Self {
        Self { state, pre: tokio::sync::Mutex::default(), post: Mutex::default() }
    }

    /// Runs the pre hooks of a certificate that have not run yet; a failure is told and holds up nothing.
    pub async fn before(&self, name: &str, names: &[String], hooks: &Hooks, tell: Tell<'_>) {
        self.note_post_hooks(hooks);
        let context = HookContext::certificate(HookKind::Pre, self.state, name, names);
        let mut ran = self.pre.lock().await;
        for entry in hooks.pre.iter().cloned().chain(in_folder(self.state, HookKind::Pre)) {
            if ran.insert(entry.clone()) {
                run_told(&entry, HookKind::Pre, &context, tell).await;
            }
        }
    }

    /// Runs the deploy hooks that are owed to a live certificate. Those that fail stay owed; gives how many.
    pub async fn deploy(&self, name: &str, names: &[String], tell: Tell<'_>) -> Result<usize, RenewalStateError> {
        let owed = RenewalState::load(self.state, name).owed_hooks;
        if owed.is_empty() {
            return Ok(0);
        }
        let context = HookContext::certificate(HookKind::Deploy, self.state, name, names);
        let mut failed = Vec::new();
        for entry in owed {
            if !run_told(&entry, HookKind::Deploy, &context, tell).await {
                failed.push(entry);
            }
        }
        let count = failed.len();
        let state = RenewalState { owed_hooks: failed, ..RenewalState::load(self.state, name) };
        state.save(self.state, name)?;
        Ok(count)
    }

    /// Runs the post hooks of all certificates that were tried; gives how many failed.
    pub async fn after(&self, renewed: &[String], failed: &[String], tell: Tell<'_>) -> usize {
        let entries = std::mem::take(&mut *self.post.lock().unwrap_or_else(PoisonError::into_inner));
        let context = HookContext::run(self.state, renewed, failed);
        let mut failures = 0;
        for entry in entries {
            failures += usize::from(!run_told(&entry, HookKind::Post, &context, tell).await);
        }
        failures
    }

    fn note_post_hooks(&self, hooks: &Hooks) {
        let mut post = self.post.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in hooks.post.iter().cloned().chain(in_folder(self.state, HookKind::Post)) {
            if !post.contains(&entry) {
                post.push(entry);
            }
        }
    }
}

async fn run_told(entry: &str, kind: HookKind, context: &HookContext, tell: Tell<'_>) -> bool {
    let (hook, kind) = (entry.to_owned(), kind.to_string());
    match hooks::run(entry, context, HOOK_TIME).await {
        Ok(output) => {
            tell(Event::HookDone { kind, hook, output });
            true
        }
        Err(error) => {
            let error = crate::causes::chain(&error);
            tell(Event::HookFailed { kind, hook, error });
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(folder: &tempfile::TempDir) -> StateDir {
        StateDir::open(&folder.path().join("state")).expect("opened")
    }

    fn appending(folder: &tempfile::TempDir, word: &str) -> String {
        format!("shell: echo {word} >> {}", folder.path().join("log").display())
    }

    fn log(folder: &tempfile::TempDir) -> String {
        std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
    }

    #[tokio::test]
    async fn hooks_that_certificates_share_run_once_a_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let hooks = Hooks {
            pre: vec![appending(&folder, "pre")],
            post: vec![appending(&folder, "post $RENEWED_DOMAINS - $FAILED_DOMAINS")],
            ..Hooks::default()
        };
        let round = HookRound::new(&state);
        for name in ["a", "b"] {
            round.before(name, &[name.to_owned()], &hooks, &|_| {}).await;
        }
        assert_eq!(round.after(&["a".to_owned()], &["b".to_owned()], &|_| {}).await, 0);
        assert_eq!(log(&folder), "pre\npost a - b\n");
    }

    #[tokio::test]
    async fn a_failed_deploy_hook_stays_owed_until_it_works() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let gate = folder.path().join("gate");
        let fails_at_first = format!("shell: test -e {}", gate.display());
        let owed_hooks = vec![appending(&folder, "deployed"), fails_at_first.clone()];
        RenewalState { owed_hooks, ..RenewalState::default() }.save(&state, "a").expect("kept");
        let round = HookRound::new(&state);
        assert_eq!(round.deploy("a", &[], &|_| {}).await.expect("kept"), 1);
        assert_eq!(RenewalState::load(&state, "a").owed_hooks, [fails_at_first]);
        std::fs::write(gate, "").expect("written");
        assert_eq!(round.deploy("a", &[], &|_| {}).await.expect("kept"), 0);
        assert_eq!(RenewalState::load(&state, "a").owed_hooks, [""; 0]);
        assert_eq!(log(&folder), "deployed\n");
    }
}
