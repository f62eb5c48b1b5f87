//! The hooks that `acmite issue` takes.

use clap::Args;

use super::exit::{Exit, Failure};
use crate::flow::hooks;
use crate::store::renewal::Hooks;

/// Commands around issuing and renewing.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Hooks")]
pub(super) struct HookArgs {
    /// Run this before the certificate is got, here and at each renewal; may be repeated. A command and its arguments,
    /// run without a shell, or `shell: COMMAND`
    #[arg(long, value_name = "COMMAND")]
    pre_hook: Vec<String>,
    /// Run this when a new certificate is stored: as --pre-hook, or `reload: UNIT`,
    /// `copy: FOLDER owner=USER group=GROUP mode=0640`, `bundle: FILE owner=USER mode=0600`,
    /// `pkcs12: FILE password-file=FILE alias=NAME`
    #[arg(long, value_name = "COMMAND")]
    deploy_hook: Vec<String>,
    /// Run this at the end, also after a failure: as --pre-hook
    #[arg(long, value_name = "COMMAND")]
    post_hook: Vec<String>,
}

impl HookArgs {
    /// Those hooks, each of which can be understood.
    pub(super) fn checked(&self) -> Result<Hooks, Failure> {
        for entry in self.pre_hook.iter().chain(&self.deploy_hook).chain(&self.post_hook) {
            hooks::check(entry)
                .map_err(|error| Failure::of(Exit::Usage, &error).about(&format!("the hook {entry:?}")))?;
        }
        Ok(Hooks { pre: self.pre_hook.clone(), deploy: self.deploy_hook.clone(), post: self.post_hook.clone() })
    }
}
