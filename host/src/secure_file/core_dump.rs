//! Keeping keys out of core dumps.

/// Asks the system to write no core dump of this process and to let no other process of the user look into it; where
/// the system cannot, nothing changes.
pub fn forbid_core_dumps() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = rustix::process::setrlimit(rustix::process::Resource::Core, none) {
        tracing::debug!(%error, "the size of core dumps could not be limited");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::debug!(%error, "the process could not be made undumpable");
    }
}
