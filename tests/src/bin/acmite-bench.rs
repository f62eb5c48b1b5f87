//! Measures acmite beside others; `cargo xtask bench` builds what it needs and runs it.

use std::path::PathBuf;
use std::process::Command;

use acmite_tests::acmite;
use acmite_tests::bench::bulk::bulk;
use acmite_tests::bench::clients::{Client, Stage};
use acmite_tests::bench::document::Part;
use acmite_tests::bench::measure::{Run, Series, run};
use acmite_tests::bench::mixed::Mixed;
use acmite_tests::bench::report::{self, Scenario};
use acmite_tests::bench::servers::{Servers, ZONE};
use acmite_tests::bench::{bulk_report, document, local, sandbox};

fn main() {
    let options = Options::from_environment();
    let mut scenarios = Vec::new();
    issuing(&options, &mut scenarios);
    mixing(&options, &mut scenarios);
    nothing_due(&options, &mut scenarios);
    starting(&options, &mut scenarios);
    if !scenarios.is_empty() {
        document::write(&scenarios, &options.folder, options.document.as_deref());
        say(&report::markdown(&scenarios));
    }
    in_bulk(&options);
    in_parts(&options);
}

/// What `cargo xtask bench` hands over.
struct Options {
    runs: usize,
    only: Vec<String>,
    floor: PathBuf,
    sandbox: PathBuf,
    folder: PathBuf,
    document: Option<PathBuf>,
}

impl Options {
    fn from_environment() -> Self {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let only = std::env::var("BENCH_ONLY").unwrap_or_default();
        Self {
            runs: std::env::var("BENCH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5),
            only: only.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect(),
            floor: path("BENCH_FLOOR").expect("BENCH_FLOOR; run cargo xtask bench"),
            sandbox: path("BENCH_SANDBOX").expect("BENCH_SANDBOX; run cargo xtask bench"),
            folder: path("BENCH_FOLDER").expect("BENCH_FOLDER; run cargo xtask bench"),
            document: path("BENCH_DOCUMENT"),
        }
    }

    fn has(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == id)
    }
}

fn issuing(options: &Options, scenarios: &mut Vec<Scenario>) {
    use Client::{Acmite, AcmiteCold, AcmiteUpdate, Certbot, Floor, Lego};
    let wildcard = vec![ZONE.to_owned(), format!("*.{ZONE}")];
    let fifty: Vec<String> = (0..50).map(|number| format!("host{number}.{ZONE}")).collect();
    let zones: Vec<String> = (0..10).map(|number| format!("zone{number}.test")).collect();
    let spread: Vec<String> = (0..100).map(|number| format!("host{number}.{}", zones[number % zones.len()])).collect();
    let all: [(&str, &str, &[String], &[Client]); 4] = [
        ("wildcard", "A wildcard and its apex", &wildcard, &[Acmite, Floor, Lego, AcmiteUpdate, Certbot]),
        ("fifty", "50 names in one zone", &fifty, &[Acmite, Floor, AcmiteUpdate, Certbot, Lego]),
        ("cold", "The first use of a provider", &wildcard, &[AcmiteCold, Acmite]),
        ("zones", "100 names in 10 zones", &spread, &[Acmite]),
    ];
    let wanted: Vec<_> = all.into_iter().filter(|(id, ..)| options.has(id)).collect();
    if wanted.is_empty() {
        return;
    }
    let servers = Servers::start(&zones);
    let stage = Stage::new(&servers, &zones, options.floor.clone());
    for (id, title, names, clients) in wanted {
        let mut series = alternating(options, &stage, names, clients);
        series.retain(|one| !one.runs.is_empty());
        scenarios.push(Scenario { id, title: title.to_owned(), series, notes: Vec::new() });
        if clients.contains(&Floor) {
            let log = stage.floor_log();
            std::fs::write(options.folder.join(format!("floor-{id}.log")), &log).expect("written");
            if let Some(document) = &options.document {
                let published = document.with_file_name(format!("performance-floor-{id}.log"));
                std::fs::write(published, log).expect("written");
            }
        }
    }
}

/// In turns, so that what else the machine does meets all alike; the first turn warms up and is not counted.
fn alternating(options: &Options, stage: &Stage<'_>, names: &[String], clients: &[Client]) -> Vec<Series> {
    let there: Vec<Client> = clients.iter().copied().filter(|client| client.is_there()).collect();
    let mut all: Vec<Series> = there.iter().map(|one| Series { client: one.name(), runs: Vec::new() }).collect();
    for turn in 0..=options.runs {
        for (client, series) in there.iter().zip(&mut all) {
            // With many names it takes minutes, so that one run must do.
            let is_slow = *client == Client::Lego && names.len() > 10;
            if is_slow && turn != 1 {
                continue;
            }
            let done = stage.issue(*client, names);
            say(&format!("{:>2}  {:<18} {:>7.0} ms", turn, client.name(), done.wall.as_secs_f64() * 1000.0));
            if turn > 0 {
                series.runs.push(done);
            }
        }
    }
    all
}

/// Ten zones of three providers beside one zone of each.
fn mixing(options: &Options, scenarios: &mut Vec<Scenario>) {
    if !options.has("mixed") {
        return;
    }
    let mixed = Mixed::start(10);
    let all: [(&'static str, Vec<String>); 4] = [
        ("acmite, 100 names in 10 zones", mixed.all_names(10)),
        ("cloudflare, 10 names in one", mixed.names(0, 10)),
        ("powerdns, 10 names in one", mixed.names(1, 10)),
        ("rfc2136, 10 names in one", mixed.names(2, 10)),
    ];
    let mut series: Vec<Series> = all.iter().map(|(client, _)| Series { client, runs: Vec::new() }).collect();
    for turn in 0..=options.runs {
        for ((client, names), series) in all.iter().zip(&mut series) {
            let done = mixed.issue(names);
            say(&format!("{turn:>2}  {client:<30} {:>7.0} ms", done.wall.as_secs_f64() * 1000.0));
            if turn > 0 {
                series.runs.push(done);
            }
        }
    }
    let title = "100 names in 10 zones of 3 providers".to_owned();
    let note = "Mocks of Cloudflare's and PowerDNS's APIs and the name server of `acmite lab`, in one process that is \
                not optimized; four zones are Cloudflare's, three PowerDNS's, three take DNS UPDATE.";
    scenarios.push(Scenario { id: "mixed", title, series, notes: vec![note.to_owned()] });
}

fn nothing_due(options: &Options, scenarios: &mut Vec<Scenario>) {
    if !options.has("due") {
        return;
    }
    let mut all = Vec::new();
    for (count, first, later) in
        [(1_000, "1,000, first of a day", "1,000"), (10_000, "10,000, first of a day", "10,000")]
    {
        let folder = local::state_with(count);
        let log = folder.path().join("output");
        let renew = || run(local::command("renew", folder.path()), &log);
        all.push(Series { client: first, runs: vec![renew()] });
        all.push(Series { client: later, runs: (0..options.runs).map(|_| renew()).collect() });
    }
    // What all are compared with stands first.
    all.reverse();
    let title = "`renew` with nothing due among so many certificates".to_owned();
    scenarios.push(Scenario { id: "due", title, series: all, notes: Vec::new() });
}

/// Few, more and many, each once: it takes minutes.
fn in_bulk(options: &Options) {
    if !options.has("bulk") {
        return;
    }
    let log = options.folder.join("bulk.log");
    let mut all = Vec::new();
    for (certificates, at_once) in [(10, 4), (100, 4), (1_000, 4), (1_000, 1), (1_000, 16)] {
        let done = bulk(certificates, at_once, &log);
        say(&format!("{certificates:>5}, {at_once} at once: {:.1} a second", done.rate()));
        all.push(done);
    }
    let json = all.iter().map(|bulk| bulk.json()).collect();
    let part = Part { id: "bulk", markdown: bulk_report::markdown(&all), json, svg: Some(bulk_report::svg(&all)) };
    part.write(&options.folder, options.document.as_deref());
    say(&part.markdown);
}

fn in_parts(options: &Options) {
    if !options.has("sandbox") {
        return;
    }
    let figures = sandbox::measured(&options.sandbox, &options.folder);
    let (markdown, json) = (sandbox::markdown(&figures), sandbox::json(&figures));
    let part = Part { id: "sandbox", markdown, json, svg: None };
    part.write(&options.folder, options.document.as_deref());
    say(&part.markdown);
}

fn starting(options: &Options, scenarios: &mut Vec<Scenario>) {
    if !options.has("start") {
        return;
    }
    let folder = local::state_with(100);
    let log = folder.path().join("output");
    let version = |program: PathBuf| {
        let mut command = Command::new(program);
        command.arg("--version");
        run(command, &log)
    };
    let (mut ours, mut list, mut lego): (Vec<Run>, Vec<Run>, Vec<Run>) = Default::default();
    for _ in 0..options.runs.max(10) {
        ours.push(version(acmite::program()));
        list.push(run(local::command("list", folder.path()), &log));
        lego.push(version("lego".into()));
    }
    let series = vec![
        Series { client: "acmite --version", runs: ours },
        Series { client: "acmite list, 100", runs: list },
        Series { client: "lego --version", runs: lego },
    ];
    let bytes = std::fs::metadata(acmite::program()).map(|file| file.len()).unwrap_or_default();
    let notes = vec![format!("The binary of acmite, with all its providers, holds {bytes} bytes.")];
    scenarios.push(Scenario { id: "start", title: "Starting".to_owned(), series, notes });
}

#[expect(clippy::print_stdout, reason = "a command that reports to whoever runs it")]
fn say(text: &str) {
    println!("{text}");
}
