//! One call in any phase, and what a script's steps gave in it.

use acmite::plugin::provider::{CallError, CallFault, Provider, Published};
use serde_json::{Value, json};

use super::{Attack, ours, zone};

/// Which export is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract's own names")]
pub enum Phase {
    Present,
    Cleanup,
    Check,
    Settled,
}

/// One call of this phase for the order in hand.
///
/// # Errors
/// If the call fails.
pub async fn call(provider: &Provider, phase: Phase) -> Result<(), CallError> {
    let (zone, records, published) = (zone(), [ours()], Published::default());
    match phase {
        Phase::Present => provider.present(&zone, &records, 60).await.map(|_| ()),
        Phase::Cleanup => provider.cleanup(&zone, &records, &published).await,
        Phase::Check => provider.check(Some(&zone)).await,
        Phase::Settled => provider.settled(&zone, &records, &published).await.map(|_| ()),
    }
}

/// Runs the steps and hands what they gave through an error, in any phase.
///
/// # Panics
/// If the guest did not run to its end.
pub async fn given(attack: Attack, steps: Vec<Value>, phase: Phase) -> Vec<Value> {
    let steps: Vec<Value> = steps.into_iter().chain([json!("fail")]).collect();
    let attack = attack.setting("attack", "script").arg(&Value::from(steps).to_string());
    let roomy = attack.limits(|limits| limits.line_chars = 1 << 20);
    let error = call(&roomy.provider().expect("a provider"), phase).await.expect_err("the last step fails");
    let CallFault::Told(told) = &error.fault else { panic!("{error}") };
    serde_json::from_str(&told.message).unwrap_or_else(|_| panic!("{error}"))
}
