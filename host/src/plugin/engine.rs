//! The wasmtime engine all providers run on.

use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy};

/// Makes the engine and starts the thread that interrupts guests; the thread ends with the engine.
pub fn new_engine() -> Result<Engine, EngineError> {
    started(&config())
}

/// The same but for its guests' instructions, which can be counted by a [`FuelMeter`](super::fuel::FuelMeter). They are
/// slower for it, so that this is for measuring alone.
pub fn new_counting_engine() -> Result<Engine, EngineError> {
    started(config().consume_fuel(true))
}

fn started(config: &Config) -> Result<Engine, EngineError> {
    let engine = Engine::new(config).map_err(|source| EngineError::Unsupported { source })?;
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("acmite-epoch".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH_TICK);
            }
        })
        .map_err(|source| EngineError::NoTicker { source })?;
    Ok(engine)
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false);
    config
}

/// How often running guests are looked at.
pub const EPOCH_TICK: Duration = Duration::from_millis(10);
const STACK_BYTES: usize = 512 * 1024;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// This machine cannot run compiled components.
    #[error("could not set up the WebAssembly engine on this machine")]
    Unsupported {
        /// What wasmtime said.
        source: wasmtime::Error,
    },
    /// No thread could be started.
    #[error("could not start the thread that interrupts plugins")]
    NoTicker {
        /// What the system said.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiles(text: &str) -> bool {
        let bytes = wat::parse_str(text).expect("valid text");
        new_engine().expect("an engine").precompile_component(&bytes).is_ok()
    }

    fn module(inside: &str) -> String {
        format!("(component (core module {inside}))")
    }

    #[test]
    fn what_no_provider_needs_is_not_accepted() {
        for inside in [
            "(memory 1 1 shared)",
            "(memory i64 1)",
            "(table i64 1 funcref)",
            "(tag)",
            "(func (param exnref))",
            "(type (struct))",
            "(func (param anyref))",
            "(func $f return_call $f)",
            "(func (result v128) v128.const i64x2 0 0 v128.const i64x2 0 0 i8x16.relaxed_swizzle)",
            "(memory 1 (pagesize 1))",
            "(type $f (func)) (type (cont $f))",
            "(func (param i64 i64) (result i64 i64) local.get 0 local.get 1 i64.mul_wide_s)",
        ] {
            assert!(!compiles(&module(inside)), "{inside} was compiled");
        }
        for inside in ["(memory 1)", "(memory 1) (memory 1)", "(func (result v128) v128.const i64x2 0 0)"] {
            assert!(compiles(&module(inside)), "{inside} was refused");
        }
    }

    #[test]
    fn asynchronous_components_are_not_accepted() {
        for text in [
            "(component (type (future u8)))",
            "(component (type (stream u8)))",
            "(component (core func (canon task.return)))",
            "(component (import \"f\" (func async)))",
        ] {
            assert!(!compiles(text), "{text} was compiled");
        }
        assert!(compiles("(component (type (list u8)))"));
    }
}
