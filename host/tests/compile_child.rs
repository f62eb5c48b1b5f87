//! Compiling in a child process ends at each of its limits and says which. This program is also the child.
#![expect(clippy::print_stderr, reason = "this is the test's own harness")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use acmite::plugin::compile::{COMPILE, CompileError, Compiler, run_child};
use acmite::plugin::engine::new_engine;
use wasmtime::component::Component;

const TESTS: [(&str, fn()); 7] = [
    ("a_component_is_compiled_as_in_this_process", a_component_is_compiled_as_in_this_process),
    ("what_the_compiler_refuses_is_told", what_the_compiler_refuses_is_told),
    ("too_much_processor_time_ends_it", too_much_processor_time_ends_it),
    ("too_much_memory_ends_it", too_much_memory_ends_it),
    ("a_child_that_waits_is_ended_by_the_clock", a_child_that_waits_is_ended_by_the_clock),
    ("a_child_that_fails_otherwise_is_told", a_child_that_fails_otherwise_is_told),
    ("it_works_within_a_runtime_too", it_works_within_a_runtime_too),
];

/// No limit that a busy machine would reach.
const LONG: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == COMPILE) {
        return run_child(&arguments[1..], std::io::stdin(), std::io::stdout());
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    let run = TESTS.iter().filter(|(name, _)| wanted.is_none_or(|wanted| name.contains(wanted.as_str())));
    run.for_each(|(name, test)| {
        test();
        eprintln!("test {name} ... ok");
    });
    ExitCode::SUCCESS
}

fn child(seconds: u64, mebibytes: u64) -> Compiler {
    let program = std::env::current_exe().expect("this program");
    Compiler::Child { program, time: Duration::from_secs(seconds), clock: LONG, memory: mebibytes * 1024 * 1024 }
}

fn run(program: impl AsRef<Path>, clock: Duration) -> Compiler {
    Compiler::Child { program: program.as_ref().to_owned(), time: Duration::from_secs(1), clock, memory: 1 << 30 }
}

fn compile(compiler: &Compiler, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    compiler.compile(&new_engine().expect("an engine"), component)
}

/// A component with one function of this many additions that depend on each other.
fn component(additions: usize) -> Vec<u8> {
    let body = "(local.set 0 (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 3))))".repeat(additions);
    let text = format!("(component (core module (func (export \"f\") (param i32) (result i32) {body} local.get 0)))");
    wat::parse_str(text).expect("valid text")
}

fn a_component_is_compiled_as_in_this_process() {
    let engine = new_engine().expect("an engine");
    let code = child(60, 1024).compile(&engine, &component(10)).expect("compiled");
    assert_eq!(Some(&code), Compiler::InProcess.compile(&engine, &component(10)).ok().as_ref());
    assert!(Component::new(&engine, component(10)).is_ok());
}

fn what_the_compiler_refuses_is_told() {
    for bytes in [&b"no component"[..], b"", &vec![0; 17 * 1024 * 1024]] {
        let error = compile(&child(60, 1024), bytes).expect_err("refused");
        assert!(matches!(error, CompileError::Rejected { .. }), "{error}");
    }
}

fn too_much_processor_time_ends_it() {
    let error = compile(&child(1, 8192), &component(400_000)).expect_err("too slow");
    assert!(matches!(error, CompileError::Time { .. }), "{error}");
}

fn too_much_memory_ends_it() {
    let error = compile(&child(600, 256), &component(400_000)).expect_err("too large");
    assert!(matches!(error, CompileError::Memory { .. }), "{error}");
    assert_eq!(error.to_string(), "compiling it took more than 256 MiB of memory");
}

fn a_child_that_waits_is_ended_by_the_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("waits");
    std::fs::write(&program, "#!/bin/sh\nexec /bin/sleep 600\n").expect("written");
    std::fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("executable");
    let error = compile(&run(&program, Duration::from_millis(200)), b"").expect_err("no end");
    assert!(matches!(error, CompileError::Clock { .. }), "{error}");
}

fn a_child_that_fails_otherwise_is_told() {
    let error = compile(&run("/nowhere", LONG), b"").expect_err("not there");
    assert!(matches!(error, CompileError::Start { .. }), "{error}");
    let error = compile(&run("/bin/false", LONG), b"x").expect_err("another status");
    assert!(matches!(error, CompileError::Crashed { .. }), "{error}");
}

fn it_works_within_a_runtime_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let code = runtime.block_on(async { compile(&child(60, 1024), &component(1)) });
    assert!(code.is_ok());
}
