//! libFuzzer around the target that `ACMITE_FUZZ_TARGET` names; `cargo xtask fuzz` builds and runs it.
#![no_main]

use std::sync::OnceLock;

use acmite_fuzz::{Target, target};

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("ACMITE_FUZZ_TARGET").unwrap_or_default();
        target(&name).expect("ACMITE_FUZZ_TARGET names a target")
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| chosen()(data));
