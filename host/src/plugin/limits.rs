//! What one call may use up.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Time for one whole call of a provider.
pub const CALL_TIME: Duration = Duration::from_secs(120);
/// Time for one request; what is left of the call less [`REPORT_TIME`], if that is shorter.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);
/// What a provider is left after its last request, to report.
pub const REPORT_TIME: Duration = Duration::from_secs(2);
/// Log lines kept of one call.
pub const LOG_LINES: usize = 200;
/// Bytes kept of one log line.
pub const LOG_LINE_BYTES: usize = 1024;
/// Bytes of state that `present` may return.
pub const STATE_BYTES: usize = 4096;
/// Bytes that may pass from guest to host in one host call.
pub const HOSTCALL_FUEL: usize = 8 * 1024 * 1024;
/// Component handles a guest may hold.
pub const HANDLES: usize = 1000;

/// Bytes of the largest component.
pub const COMPONENT_BYTES: usize = 16 * 1024 * 1024;
/// Processor time for compiling a component from outside.
pub const COMPILE_TIME: Duration = Duration::from_secs(60);
/// Bytes of address space for compiling a component from outside.
pub const COMPILE_MEMORY: u64 = 2 * 1024 * 1024 * 1024;

/// Requests that a call with this many records may make.
pub fn requests(records: usize) -> usize {
    64 + 4 * records
}

/// Counts memory and tables of all instances of one store together.
#[derive(Debug, Default)]
pub struct Budget {
    memory: usize,
    table_elements: usize,
    /// The limit that was hit, if one was.
    pub exceeded: Option<&'static str>,
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory + desired.saturating_sub(current);
        if total > MEMORY_BYTES {
            self.exceeded = Some("64 MiB of memory");
            return Err(wasmtime::format_err!("more than 64 MiB of memory"));
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements + desired.saturating_sub(current);
        if total > TABLE_ELEMENTS {
            self.exceeded = Some("100,000 table elements");
            return Err(wasmtime::format_err!("more than 100,000 table elements"));
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }

    fn tables(&self) -> usize {
        TABLES
    }
}

const MEMORY_BYTES: usize = 64 * 1024 * 1024;
const TABLE_ELEMENTS: usize = 100_000;
const INSTANCES: usize = 30;
const MEMORIES: usize = 10;
const TABLES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_memories_count_together() {
        let mut budget = Budget::default();
        for _ in 0..64 {
            assert!(budget.memory_growing(0, 1 << 20, None).is_ok());
        }
        assert!(budget.memory_growing(0, 1, None).is_err());
        assert_eq!(budget.exceeded, Some("64 MiB of memory"));
    }
}
