//! The wasmtime engine all providers run on.

use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy};

/// Makes the engine and starts the thread that interrupts guests; the thread ends with the engine.
pub fn new_engine() -> Result<Engine, EngineError> {
    let engine = Engine::new(&config()).map_err(|source| EngineError::Unsupported { source })?;
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

    #[test]
    fn threads_and_memory64_are_not_accepted() {
        let engine = new_engine().expect("an engine");
        for text in ["(module (memory 1 1 shared))", "(module (memory i64 1))"] {
            let module = wat::parse_str(text).expect("valid text");
            assert!(engine.precompile_module(&module).is_err(), "{text} was compiled");
        }
        let plain = wat::parse_str("(module (memory 1))").expect("valid text");
        assert!(engine.precompile_module(&plain).is_ok());
    }
}
