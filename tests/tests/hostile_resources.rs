//! Time, memory, stack and host calls: each attack ends by a limit that is named, and succeeds where that limit is not.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use acmite::plugin::compile::Compiler;
use acmite::plugin::engine::new_engine;
use acmite::plugin::loader::Loader;
use acmite::plugin::provider::{CallError, CallFault};
use acmite_tests::hostile::{
    Attack, Captured, Peer, Phase, alone, call, component, core_guest, figure, guest, guest_component, keep, load,
    manifest, measured, ours, present, turn, with_empty_instances, zone,
};
use acmite_tests::plugins::repository;
use serde_json::json;

const DEADLINE: Duration = Duration::from_millis(1500);
/// Turns that take much longer than 50 ms and much less than 120 s.
const LONG_SPIN: &str = "1000000000";
const GRACE: Duration = Duration::from_secs(1);
/// The guest may have 64 MiB; the rest is the host's: what passes between them, twice at times.
const HOST_MEMORY_MIB: u64 = 160;

/// Runs an attack under both manifests with a short deadline: it fails in time, within bounded memory, says whose fault
/// it was, tells no secret, and the next call is as if nothing had been.
async fn ends(name: &str, attack: Attack, check: impl Fn(&CallFault) -> bool) {
    for (whose, attack) in [("honest", attack.clone()), ("attacker's", attack.clone().wild())] {
        let short = attack.limits(|limits| limits.call_time = DEADLINE);
        let captured = Captured::start();
        let provider = short.provider().unwrap();
        let (result, time, peak) = measured(&format!("{name} ({whose})"), present(&provider)).await;
        let error: CallError = result.unwrap_err();
        assert!(check(&error.fault), "{name}: {error} {error:?}");
        assert!(error.to_string().contains(provider.manifest().id.as_str()), "{error}");
        assert!(error.to_string().len() < 4096, "{} bytes", error.to_string().len());
        assert!(time < DEADLINE + GRACE, "{name} took {time:?}");
        assert!(peak < HOST_MEMORY_MIB, "{name} took {peak} MiB");
        captured.assert_no_canary(&error.to_string());
        assert_eq!(Attack::new("nothing").present().await.unwrap().state, b"nothing", "after {name}");
    }
}

/// The same attack with that one limit raised.
async fn succeeds(attack: Attack) {
    let (result, _, _) = alone(attack.present()).await;
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// The attack, too long for a short call in this phase, comes to its end in a long one.
async fn only_time_stops(attack: Attack, phase: Phase) {
    let run = async |call_time| {
        let provider = attack.clone().limits(|limits| limits.call_time = call_time).provider().unwrap();
        alone(call(&provider, phase)).await.0
    };
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(120));
    let error = run(short).await.unwrap_err();
    assert!(matches!(error.fault, CallFault::OutOfTime { limit } if limit == short), "{error}");
    run(long).await.unwrap_or_else(|error| panic!("{phase:?}: {error}"));
}

fn out_of_time(fault: &CallFault) -> bool {
    matches!(fault, CallFault::OutOfTime { limit } if *limit == DEADLINE)
}

fn told(rule: &str) -> impl Fn(&CallFault) -> bool + '_ {
    move |fault| matches!(fault, CallFault::Told(told) if told.message.contains(rule))
}

#[tokio::test]
async fn a_loop_in_present_is_ended_at_the_deadline() {
    let _turn = turn().await;
    ends("spin", Attack::new("spin").arg("1000000000000000"), out_of_time).await;
    only_time_stops(Attack::new("spin").arg(LONG_SPIN), Phase::Present).await;
}

#[tokio::test]
async fn a_loop_in_cleanup_and_check_is_ended_at_the_deadline() {
    let _turn = turn().await;
    let attack = Attack::new("spin").arg("1000000000000000").limits(|limits| limits.call_time = DEADLINE);
    let provider = attack.provider().unwrap();
    let published = Default::default();
    let (cleanup, time, _) = measured("spin in cleanup", provider.cleanup(&zone(), &[ours()], &published)).await;
    assert!(out_of_time(&cleanup.unwrap_err().fault) && time < DEADLINE + GRACE);
    let (check, time, _) = measured("spin in check", provider.check(None)).await;
    assert!(out_of_time(&check.unwrap_err().fault) && time < DEADLINE + GRACE);
    let (settled, time, _) = measured("spin in settled", provider.settled(&zone(), &[ours()], &published)).await;
    assert!(out_of_time(&settled.unwrap_err().fault) && time < DEADLINE + GRACE);
    for phase in [Phase::Cleanup, Phase::Check, Phase::Settled] {
        only_time_stops(Attack::new("spin").arg(LONG_SPIN), phase).await;
    }
}

#[tokio::test]
async fn filling_memory_near_the_cap_again_and_again_is_ended_at_the_deadline() {
    let _turn = turn().await;
    ends("fill", Attack::new("fill").arg("1000000000"), out_of_time).await;
    only_time_stops(Attack::new("fill").arg("100"), Phase::Present).await;
}

#[tokio::test]
async fn a_memory_bomb_ends_at_64_mib() {
    let _turn = turn().await;
    let over = |fault: &CallFault| matches!(fault, CallFault::OverLimit { limit } if limit == "64 MiB of memory");
    ends("grow", Attack::new("grow").arg("80"), over).await;
    succeeds(Attack::new("grow").arg("80").limits(|limits| limits.memory_bytes = 128 << 20)).await;
}

#[tokio::test]
async fn deep_recursion_is_a_trap_and_a_short_message() {
    let _turn = turn().await;
    let trapped =
        |fault: &CallFault| matches!(fault, CallFault::Trapped { code, .. } if code.contains("out of bounds"));
    ends("recurse", Attack::new("recurse").arg("10000000"), trapped).await;
    succeeds(Attack::new("recurse").arg("100")).await;
    let error = run("recursion.wat", Attack::new("")).await.unwrap_err();
    assert!(
        matches!(&error.fault, CallFault::Trapped { code, .. } if code.contains("call stack exhausted")),
        "{error}"
    );
    runs_without("recursion.wat", "(call $deeper (local.get 0))", "(local.get 0)").await;
}

#[tokio::test]
async fn a_trap_or_panic_names_the_plugin_and_its_last_words() {
    let _turn = turn().await;
    let trapped = |fault: &CallFault| matches!(fault, CallFault::Trapped { last_words: None, .. });
    ends("trap", Attack::new("trap"), trapped).await;
    let panicked = |fault: &CallFault| matches!(fault, CallFault::Trapped { last_words: Some(words), .. } if words.contains("on purpose"));
    ends("panic", Attack::new("panic").arg("on purpose"), panicked).await;
}

#[tokio::test]
async fn a_trap_after_a_create_leaves_the_journal_enough_to_clean_up_by() {
    let _turn = turn().await;
    let peer = Peer::answering(|request| {
        let zones = r#"{"zones":[{"id":"z1","name":"example.test"}]}"#.to_owned();
        ("200 OK".into(), if request.starts_with("GET /v1/zones ") { zones } else { "{}".into() })
    });
    let body = json!({"type": "TXT", "name": ours().name.as_str(), "content": ours().value, "ttl": 60}).to_string();
    let steps = json!([
        {"send": {"endpoint": "zones"}},
        {"send": {"endpoint": "create", "path": [["zone", "z1"]], "body": body}}
    ]);
    let attack = Attack::new("trap-after-create").arg(&steps.to_string()).against(&peer.url);
    let error = attack.present().await.unwrap_err();
    assert!(matches!(error.fault, CallFault::Trapped { .. }), "{error}");
    assert_eq!(peer.of_method("POST").len(), 1);
    // The same steps without the crash.
    attack.setting("attack", "script").present().await.unwrap();
    assert_eq!(peer.of_method("POST").len(), 2);
    // A cleanup that crashes too is told, and one without state runs.
    let error = Attack::new("trap").cleanup(&Default::default()).await.unwrap_err();
    assert!(matches!(error.fault, CallFault::Trapped { .. }), "{error}");
    Attack::new("nothing").cleanup(&Default::default()).await.unwrap();
}

#[tokio::test]
async fn host_calls_without_end_stop_at_the_deadline() {
    let _turn = turn().await;
    ends("write-forever", Attack::new("write-forever").arg("1000000000"), out_of_time).await;
    ends("digest-forever", Attack::new("digest-forever").arg("1000000"), |fault| {
        out_of_time(fault) || told("\"limit\"")(fault)
    })
    .await;
    ends("hold-secrets", Attack::new("hold-secrets").arg("1000000"), told("\"limit\"")).await;
    only_time_stops(Attack::new("write-forever").arg("1000000"), Phase::Present).await;
    only_time_stops(Attack::new("digest-forever").arg("200"), Phase::Present).await;
    // Secrets of 64 KiB up to 1 MiB, and one more.
    succeeds(Attack::new("hold-secrets").arg("15")).await;
    let error = Attack::new("hold-secrets").arg("17").present().await.unwrap_err();
    assert!(told("\"limit\"")(&error.fault), "{error}");
}

fn wat(file: &str) -> String {
    std::fs::read_to_string(repository().join("tests/guests/wat").join(file)).unwrap()
}

/// Runs a core module's guest with a short deadline.
async fn run(file: &str, attack: Attack) -> Result<(), CallError> {
    let loaded = load(&core_guest(&wat(file), &manifest("plugin.toml"))).unwrap();
    let provider = attack.limits(|limits| limits.call_time = DEADLINE).provider_of(loaded).unwrap();
    let (result, time, peak) = measured(file, present(&provider)).await;
    assert!(time < DEADLINE + GRACE && peak < HOST_MEMORY_MIB, "{file}: {time:?}, {peak} MiB");
    result.map(|_| ())
}

/// The module runs with that one instruction replaced.
async fn runs_without(file: &str, instruction: &str, harmless: &str) {
    let text = wat(file);
    assert!(text.contains(instruction), "{file} lacks {instruction}");
    let guest = core_guest(&text.replace(instruction, harmless), &manifest("plugin.toml"));
    let provider = Attack::new("").provider_of(load(&guest).unwrap()).unwrap();
    present(&provider).await.unwrap_or_else(|error| panic!("{file}: {error}"));
}

#[tokio::test]
async fn a_start_function_that_loops_or_traps_is_ended() {
    let _turn = turn().await;
    let error = run("start_loop.wat", Attack::new("")).await.unwrap_err();
    assert!(out_of_time(&error.fault), "{error}");
    let error = run("start_trap.wat", Attack::new("")).await.unwrap_err();
    assert!(matches!(error.fault, CallFault::Trapped { .. }), "{error}");
    runs_without("start_loop.wat", "(br $again)", "").await;
    runs_without("start_trap.wat", "unreachable", "").await;
}

#[tokio::test]
async fn memories_and_tables_end_at_their_budget_however_they_are_cut() {
    let _turn = turn().await;
    let over = [
        ("memory_at_once.wat", "64 MiB of memory"),
        ("shared_budget.wat", "64 MiB of memory"),
        ("table_at_once.wat", "100000 table elements"),
        ("table_growth.wat", "100000 table elements"),
    ];
    for (file, limit) in over {
        let error = run(file, Attack::new("")).await.unwrap_err();
        assert!(matches!(&error.fault, CallFault::OverLimit { limit: hit } if hit == limit), "{file}: {error}");
    }
    for (file, limit) in [("many_memories.wat", "memory count too high"), ("many_tables.wat", "table count too high")] {
        let error = run(file, Attack::new("")).await.unwrap_err();
        assert!(error.to_string().contains(limit), "{error}");
    }
    let memory = Attack::new("").limits(|limits| limits.memory_bytes = 1 << 30);
    let elements = Attack::new("").limits(|limits| limits.table_elements = 100_000_000);
    for (file, attack) in [
        ("memory_at_once.wat", &memory),
        ("shared_budget.wat", &memory),
        ("table_at_once.wat", &elements),
        ("table_growth.wat", &elements),
        ("many_memories.wat", &Attack::new("").limits(|limits| limits.memories = 100)),
        ("many_tables.wat", &Attack::new("").limits(|limits| limits.tables = 100)),
    ] {
        run(file, attack.clone()).await.unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

#[tokio::test]
async fn a_thousand_instances_are_too_many() {
    let _turn = turn().await;
    let refused = load(&with_empty_instances(guest_component(), 1000)).err().unwrap();
    assert!(refused.contains("hostile"), "{refused}");
    let crowded = load(&with_empty_instances(guest_component(), 900)).unwrap();
    let clone = || acmite::plugin::loader::Loaded {
        engine: crowded.engine.clone(),
        component: crowded.component.clone(),
        inspected: crowded.inspected.clone(),
    };
    let provider = Attack::new("nothing").provider_of(clone()).unwrap();
    let (result, ..) = measured("900 instances", present(&provider)).await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains("hostile") && error.to_string().contains("instance count too high"), "{error}");
    let wide = Attack::new("nothing").limits(|limits| limits.instances = 2000);
    present(&wide.provider_of(clone()).unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_peer_sees_no_request_beyond_the_number() {
    let _turn = turn().await;
    for wild in [false, true] {
        let peer = Peer::fixed("200 OK", "{}");
        let attack = |name: &str, count: &str| {
            let attack = Attack::new(name).arg(count);
            if wild { attack.wild() } else { attack }.against(&peer.url)
        };
        let error = attack("send-forever", "1000").present().await.unwrap_err();
        assert!(told("more than 68 requests in one call")(&error.fault), "{error}");
        assert_eq!(peer.requests().len(), 68);
        let error = attack("send-many-at-once", "69").present().await.unwrap_err();
        assert!(told("more than 68 requests in one call")(&error.fault), "{error}");
        assert_eq!(peer.requests().len(), 68);
        attack("send-forever", "100").limits(|limits| limits.requests = 1000).present().await.unwrap();
        assert_eq!(peer.requests().len(), 168);
        attack("send-many-at-once", "69").limits(|limits| limits.requests = 1000).present().await.unwrap();
        assert_eq!(peer.requests().len(), 237);
    }
}

#[tokio::test]
async fn a_batch_larger_than_one_host_call_may_carry_is_a_trap() {
    let _turn = turn().await;
    let trapped = |fault: &CallFault| matches!(fault, CallFault::Trapped { .. });
    ends("send-giant-batch", Attack::new("send-giant-batch").arg("12"), trapped).await;
    let peer = Peer::fixed("200 OK", "{}");
    let wide = Attack::new("send-giant-batch").arg("12").wild().against(&peer.url);
    let result = wide.limits(|limits| limits.hostcall_fuel = 1 << 30).present().await;
    result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(peer.requests().len(), 12);
}

fn compile_bomb(functions: usize) -> Vec<u8> {
    let body = "(local.set 0 (i64.mul (i64.add (local.get 0) (i64.const 77)) (i64.rotl (local.get 0) (i64.const 3))))";
    let function = format!("(func (param i64) (result i64) {} (local.get 0))", body.repeat(2000));
    core_guest(&function.repeat(functions), &manifest("plugin.toml"))
}

/// Compiles in a child with these limits, and how long that took.
fn compile(bomb: &[u8], time: Duration, memory: u64) -> (Result<(), String>, Duration) {
    let program = acmite_tests::acmite::program();
    let compiler = Compiler::Child { program, time, clock: Duration::from_secs(600), memory };
    let started = std::time::Instant::now();
    let loaded = Loader::new(new_engine().unwrap(), None).with_compiler(compiler).load(bomb, "bomb.wasm");
    (loaded.map(|_| ()).map_err(|error| acmite_tests::hostile::chain(&error)), started.elapsed())
}

#[test]
fn a_compile_bomb_is_ended_in_the_child_by_its_time_or_memory() {
    // A fast machine needs a larger bomb; the largest is near the limit of a component's size.
    let limited = [120, 240, 480].into_iter().find_map(|functions| {
        let bomb = compile_bomb(functions);
        let (result, time) = compile(&bomb, Duration::from_secs(1), 8 << 30);
        Some((bomb, result.err()?, time))
    });
    let (bomb, ended, time) = limited.expect("a second is not enough for the largest bomb");
    keep("compile bomb", time, None);
    assert!(ended.contains("hostile") && ended.contains("processor time"), "{ended}");
    // With what an unoptimised acmite needs to read the megabytes.
    assert!(time < Duration::from_secs(60), "{time:?}");
    let (ended, _) = compile(&bomb, Duration::from_secs(600), 64 << 20);
    assert!(ended.is_err(), "64 MiB were enough");
    compile(&bomb, Duration::from_secs(600), 8 << 30).0.unwrap();
}

#[test]
fn truncated_and_random_bytes_are_refused_in_words() {
    let whole = guest_component();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..200 {
        let cut = next() as usize % (whole.len() - 1);
        // What is cut off after the manifest is only cut short at a section's end.
        assert!(acmite::plugin::inspect::inspect(&whole[..cut]).is_err(), "{cut} bytes were taken");
        let mut noise: Vec<u8> = (0..next() % 4096).map(|_| next() as u8).collect();
        assert!(acmite::plugin::inspect::inspect(&noise).is_err());
        noise.splice(0..0, whole[..8].iter().copied());
        assert!(acmite::plugin::inspect::inspect(&noise).is_err());
    }
    // Flipped bits may leave a valid component; what matters is that there is an answer.
    let mut answers = [0, 0];
    for _ in 0..12 {
        let mut flipped = whole.to_vec();
        for _ in 0..8 {
            let at = next() as usize % flipped.len();
            flipped[at] ^= 1 << (next() % 8);
        }
        answers[usize::from(load(&flipped).is_ok())] += 1;
    }
    figure(&format!("flipped bits: {} refused, {} valid", answers[0], answers[1]));
    assert!(component("(component)", None).len() < 100 && load(whole).is_ok());
    drop(guest());
}
