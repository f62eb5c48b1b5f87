//! What one call may use up.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// What one call may use up; the default is what acmite runs with, tests shorten it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for one whole call of a provider.
    pub call_time: Duration,
    /// Time for one request; what is left of the call less `report_time`, if that is shorter.
    pub request_time: Duration,
    /// What a provider is left after its last request, to report.
    pub report_time: Duration,
    /// Requests that a call without records may make.
    pub requests: usize,
    /// Requests more for each record.
    pub requests_a_record: usize,
    /// Bytes of the replies that one host call may bring, all together.
    pub reply_bytes: usize,
    /// Log lines kept of one call.
    pub log_lines: usize,
    /// Characters kept of one log line, and of each text of an error.
    pub line_chars: usize,
    /// Bytes of state that `present` may return.
    pub state_bytes: usize,
    /// Bytes that may pass from guest to host in one host call.
    pub hostcall_fuel: usize,
    /// Component handles a guest may hold.
    pub handles: usize,
    /// Bytes of all memories together.
    pub memory_bytes: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Core instances.
    pub instances: usize,
    /// Memories, however small.
    pub memories: usize,
    /// Tables, however small.
    pub tables: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_time: Duration::from_secs(120),
            request_time: Duration::from_secs(30),
            report_time: Duration::from_secs(2),
            requests: 64,
            requests_a_record: 4,
            reply_bytes: 64 * MIB,
            log_lines: 200,
            line_chars: 1024,
            state_bytes: 4096,
            hostcall_fuel: 8 * MIB,
            handles: 1000,
            memory_bytes: 64 * MIB,
            table_elements: 100_000,
            instances: 30,
            memories: 10,
            tables: 20,
        }
    }
}

impl Limits {
    /// Requests that a call with this many records may make.
    pub fn requests_for(&self, records: usize) -> usize {
        self.requests + self.requests_a_record * records
    }
}

const MIB: usize = 1024 * 1024;

/// Values, elements and attributes in the body that is read of one request or reply.
pub const BODY_NODES: usize = 250_000;
/// Bytes of the largest component.
pub const COMPONENT_BYTES: usize = 16 * 1024 * 1024;
/// Processor time for compiling a component from outside.
pub const COMPILE_TIME: Duration = Duration::from_secs(60);
/// Time by the clock for the same.
pub const COMPILE_CLOCK: Duration = Duration::from_secs(180);
/// Bytes of address space for compiling a component from outside.
pub const COMPILE_MEMORY: u64 = 2 * 1024 * 1024 * 1024;

/// Counts memory and tables of all instances of one store together.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    memory: usize,
    table_elements: usize,
    /// The limit that was hit, if one was.
    pub exceeded: Option<String>,
}

impl Budget {
    /// A budget of which nothing is used.
    pub fn new(limits: Limits) -> Self {
        Self { limits, memory: 0, table_elements: 0, exceeded: None }
    }

    fn exceed(&mut self, limit: String) -> wasmtime::Error {
        let error = wasmtime::format_err!("more than {limit}");
        self.exceeded = Some(limit);
        error
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory + desired.saturating_sub(current);
        if total > self.limits.memory_bytes {
            return Err(self.exceed(format!("{} MiB of memory", self.limits.memory_bytes / MIB)));
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements + desired.saturating_sub(current);
        if total > self.limits.table_elements {
            return Err(self.exceed(format!("{} table elements", self.limits.table_elements)));
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_memories_count_together() {
        let mut budget = Budget::new(Limits::default());
        for _ in 0..64 {
            assert!(budget.memory_growing(0, 1 << 20, None).is_ok());
        }
        assert!(budget.memory_growing(0, 1, None).is_err());
        assert_eq!(budget.exceeded.as_deref(), Some("64 MiB of memory"));
    }

    fn instantiated(component: &[u8]) -> Option<String> {
        let engine = crate::plugin::engine::new_engine().expect("an engine");
        let component = wasmtime::component::Component::new(&engine, component).expect("a component");
        let mut store = wasmtime::Store::new(&engine, Budget::new(Limits::default()));
        store.limiter(|budget| budget);
        store.set_epoch_deadline(u64::MAX / 2);
        let linker = wasmtime::component::Linker::new(&engine);
        match linker.instantiate(&mut store, &component) {
            Ok(_) => None,
            Err(error) => Some(store.data().exceeded.clone().unwrap_or_else(|| panic!("{error:?}"))),
        }
    }

    #[test]
    fn the_memories_and_tables_of_several_modules_count_together() {
        let twice = |inside: &str| {
            let module = format!("(core module $m {inside})");
            let component =
                format!("(component {module} (core instance (instantiate $m)) (core instance (instantiate $m)))");
            wat::parse_str(component).expect("valid text")
        };
        let shown = |inside: &str| instantiated(&twice(inside));
        let memory = Some("64 MiB of memory".to_owned());
        assert_eq!(shown("(memory 500)"), None);
        assert_eq!(shown("(memory 513)"), memory);
        assert_eq!(shown("(memory 256) (memory 257)"), memory);
        assert_eq!(shown("(table 50001 funcref)"), Some("100000 table elements".to_owned()));
    }
}
