//! The commands of docs/coming-from.md: acmite's are those that it takes, the other clients' those of their own help.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use acmite::cli::Cli;
use acmite_tests::plugins::repository;
use acmite_tests::process::peer;
use clap::Parser as _;

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/coming-from.md")).unwrap()
}

/// The commands of the page's blocks, each as its words without the variables before it.
fn commands(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(|block| {
        let joined = block.replace("\\\n", " ");
        joined.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    });
    let words = |line: String| {
        let words = shlex::split(&line).unwrap_or_else(|| panic!("the quotes in {line:?} do not match"));
        let is_variable = |word: &String| word.split_once('=').is_some_and(|(name, _)| name.to_uppercase() == name);
        let all: Vec<String> = words.into_iter().skip_while(is_variable).collect();
        all.split(|word| word == "&&" || word == ">").next().unwrap_or_default().to_vec()
    };
    lines.map(words).collect()
}

/// A column of the page's table of what is done how, counted from 0.
fn column(page: &str, number: usize) -> Vec<String> {
    let (_, table) = page.split_once("## Side by side\n").unwrap();
    let lines = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    // A bar inside of a cell is written with a backslash.
    let cells = lines.map(|line| line.replace("\\|", "/").split('|').nth(number + 1).unwrap().trim().to_owned());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[track_caller]
fn assert_taken(words: &[String]) {
    if let Err(error) = Cli::try_parse_from(words) {
        panic!("{words:?}: {error}");
    }
}

/// Calls of acmite inside of an argument, as other clients are given them.
fn inner_calls(word: &str) -> Option<Vec<String>> {
    let at = word.find("acmite hook")?;
    let line = word[at..].split("\\n").next().unwrap();
    Some(shlex::split(line).unwrap().into_iter().filter(|word| word != "$@").collect())
}

#[test]
fn acmites_commands_of_the_page_are_taken() {
    let page = page();
    let mut seen = 0;
    for words in commands(&page) {
        let own = (words[0] == "acmite").then(|| words.clone());
        for call in own.into_iter().chain(words.iter().skip(1).filter_map(|word| inner_calls(word))) {
            assert_taken(&call);
            seen += 1;
        }
    }
    assert_eq!(seen, 9, "commands in the blocks");
    let example = |word: String| match word.as_str() {
        "N" => "example.com".to_owned(),
        "NAME/URL" => "zerossl".to_owned(),
        "DIR" | "F" => "/folder".to_owned(),
        _ => word,
    };
    for cell in column(&page, 4) {
        let words: Vec<String> = shlex::split(&cell).unwrap().into_iter().map(example).collect();
        let before: &[&str] = match words[0].as_str() {
            flag if flag.starts_with("--") => &["acmite", "issue", "-d", "example.com", "--standalone"],
            hook if hook.starts_with("reload:") => {
                &["acmite", "issue", "-d", "a.example", "--standalone", "--deploy-hook"]
            }
            _ => &["acmite"],
        };
        assert_taken(&before.iter().map(|word| (*word).to_owned()).chain(words).collect::<Vec<_>>());
    }
}

/// What a client says of itself when it is asked in each of these ways.
fn help(program: &str, ways: &[&[&str]]) -> Option<String> {
    let program = peer(program)?;
    let said = |words: &&[&str]| {
        let output = Command::new(&program).args(*words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    Some(ways.iter().map(said).collect())
}

/// Options and subcommands are words of the client's help.
fn assert_known<'a>(client: &str, help: &str, words: impl Iterator<Item = &'a str>) {
    let known: Vec<&str> = help.split([' ', ',', '\n', '\t', '=', '[', ']', '(', ')', '|']).collect();
    let mut seen = 0;
    for word in words.filter(|word| word.starts_with('-') || word.chars().all(|c| c.is_ascii_lowercase())) {
        assert!(known.contains(&word), "{client} does not know {word}");
        seen += 1;
    }
    assert!(seen > 3, "{client}: {seen} words");
}

/// Its program, its column of the table, and the ways to ask it for help.
type Client<'a> = (&'a str, Option<usize>, &'a [&'a [&'a str]]);

#[test]
fn the_other_clients_commands_are_those_of_their_help() {
    let page = page();
    let clients: [Client<'_>; 3] = [
        ("certbot", Some(1), &[&["--help", "all"]]),
        ("lego", Some(2), &[&["--help"], &["help", "run"], &["help", "renew"], &["help", "list"], &["help", "revoke"]]),
        ("dehydrated", None, &[&["--help"]]),
    ];
    for (client, number, ways) in clients {
        let Some(help) = help(client, ways) else { continue };
        let in_blocks = commands(&page).into_iter().filter(|words| words[0] == client);
        let in_table = number.into_iter().flat_map(|number| column(&page, number));
        let in_table = in_table.filter_map(|cell| shlex::split(&cell));
        // What follows an option may be any word: a name, a provider.
        let tables: Vec<String> = in_table.flat_map(first_and_options).collect();
        let blocks: Vec<String> = in_blocks.flat_map(|words| first_and_options(words[1..].to_vec())).collect();
        // Of certbot's plugins for providers, which all name their options alike, one is there.
        let words: Vec<String> =
            tables.iter().chain(&blocks).map(|word| word.replace("--dns-cloudflare", "--dns-rfc2136")).collect();
        assert_known(client, &help, words.iter().map(String::as_str));
    }
}

fn first_and_options(words: Vec<String>) -> Vec<String> {
    let subcommand = words.first().filter(|word| !word.starts_with('-')).cloned();
    let last = words.last().filter(|word| ["run", "renew"].contains(&word.as_str())).cloned();
    words.into_iter().filter(|word| word.starts_with('-')).chain(subcommand).chain(last).collect()
}
