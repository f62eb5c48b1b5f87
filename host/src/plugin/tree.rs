//! Bodies in JSON, XML and as forms, read strictly and into one tree, and the paths that find things in it.
//!
//! A path names keys, elements or fields from the root: "/result/*/id", "/Reply/Zones/Zone/@Id", "/HostName#". `*` is
//! each element of a JSON list, `@` begins an XML attribute, and `#` is the number in a key such as HostName1. An XML
//! element that is repeated is found each time.

mod edit;
mod form;
mod json;
mod xml;

pub use crate::plugin::tree::edit::{cut, insert};

use std::cell::Cell;

use crate::plugin::limits::BODY_NODES;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// XML 1.0 without document type, comments, CDATA and processing instructions.
    Xml,
    /// application/x-www-form-urlencoded.
    Form,
    /// Anything; nothing is read out of it.
    Text,
}

/// A value in a body.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "JSON's own names")]
pub enum Node {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    /// Also an XML element without attributes and children, a form field, and every XML attribute.
    Text(String),
    List(Vec<Node>),
    /// Also an XML element with attributes or children, and a whole form or XML document.
    Map(Branch),
}

/// What is below a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Branch {
    /// In order; only XML has a key several times.
    pub entries: Vec<(String, Node)>,
    /// The text of an XML element that has attributes too.
    pub own_text: Option<String>,
}

/// A place that a manifest's `each` found.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// What stands there.
    pub node: &'a Node,
    /// The number in its key, if `each` ends in a key with `#`.
    pub number: Option<String>,
}

impl Node {
    /// The text of a leaf: text as it stands, numbers and booleans as JSON writes them.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Map(branch) => branch.own_text.clone(),
            Self::Null | Self::List(_) => None,
        }
    }

    /// Whether it is a list or element with nothing in it.
    pub fn is_empty_container(&self, format: Format) -> bool {
        match self {
            Self::List(list) => list.is_empty(),
            Self::Text(text) => format == Format::Xml && text.is_empty(),
            _ => false,
        }
    }

    fn entries(&self) -> &[(String, Self)] {
        if let Self::Map(branch) = self { &branch.entries } else { &[] }
    }
}

/// Reads a body strictly: no key twice, also not in another case, at most [`MAX_DEPTH`] levels and [`BODY_NODES`] nodes.
pub fn parse(bytes: &[u8], format: Format) -> Result<Node, TreeError> {
    let room = Room::new(BODY_NODES);
    let parsed = match format {
        Format::Json => json::parse(bytes, &room),
        Format::Xml => xml::parse(bytes, &room),
        Format::Form => form::parse(bytes, &room),
        Format::Text => return Err(TreeError::NotStructured),
    };
    parsed.map_err(|reason| match room.is_exceeded() {
        true => TreeError::TooManyNodes { limit: BODY_NODES },
        false => TreeError::Malformed { format, reason },
    })
}

/// How many nodes a body may still have: a node takes many times the bytes that it is written in.
struct Room {
    left: Cell<Option<usize>>,
}

impl Room {
    fn new(nodes: usize) -> Self {
        Self { left: Cell::new(Some(nodes)) }
    }

    fn take(&self) -> Result<(), String> {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(1)));
        if self.is_exceeded() { Err("it has too many values".into()) } else { Ok(()) }
    }

    fn is_exceeded(&self) -> bool {
        self.left.get().is_none()
    }
}

/// Everything at `path`; the empty path is the root.
pub fn select<'a>(root: &'a Node, path: &str) -> Vec<&'a Node> {
    rows(root, path).into_iter().map(|row| row.node).collect()
}

/// Everything at `path`, with the number that stood for `#`.
pub fn rows<'a>(root: &'a Node, path: &str) -> Vec<Row<'a>> {
    let mut found = vec![Row { node: root, number: None }];
    for step in path.split('/').skip(1) {
        found = found.into_iter().flat_map(|row| below(row, step)).collect();
    }
    found
}

fn below<'a>(row: Row<'a>, step: &str) -> Vec<Row<'a>> {
    match row.node {
        Node::List(list) if step == "*" => list.iter().map(|node| Row { node, number: row.number.clone() }).collect(),
        Node::Map(branch) => {
            let fits = |(key, node): &'a (String, Node)| {
                let number = fit(step, key)?;
                Some(Row { node, number: number.or_else(|| row.number.clone()) })
            };
            branch.entries.iter().filter_map(fits).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a key is what a step says, and the number that stands for the step's `#`.
fn fit(step: &str, key: &str) -> Option<Option<String>> {
    let Some((before, after)) = step.split_once('#') else { return (step == key).then_some(None) };
    let number = key.strip_prefix(before)?.strip_suffix(after)?;
    let canonical = number == "0" || !number.starts_with('0');
    let is_number = !number.is_empty() && number.len() <= MAX_DIGITS && number.bytes().all(|b| b.is_ascii_digit());
    (is_number && canonical).then(|| Some(number.to_owned()))
}

/// A path with the number of a row in the place of its `#`.
pub fn numbered(path: &str, number: Option<&str>) -> String {
    number.map_or_else(|| path.to_owned(), |number| path.replace('#', number))
}

/// The paths of all leaves, list positions written as `*`, with their values.
pub fn leaves(root: &Node) -> Vec<(String, &Node)> {
    let mut found = Vec::new();
    collect(root, String::new(), &mut found);
    found
}

fn collect<'a>(node: &'a Node, path: String, found: &mut Vec<(String, &'a Node)>) {
    match node {
        Node::Map(branch) if !branch.entries.is_empty() => {
            branch.entries.iter().for_each(|(key, node)| collect(node, format!("{path}/{}", escaped(key)), found));
            if branch.own_text.is_some() {
                found.push((path, node));
            }
        }
        Node::List(list) if !list.is_empty() => {
            list.iter().for_each(|node| collect(node, format!("{path}/*"), found));
        }
        _ => found.push((path, node)),
    }
}

/// Whether a path of [`leaves`] is one that a manifest's path stands for.
pub fn stands_for(pattern: &str, leaf: &str) -> bool {
    let (mut steps, mut keys) = (pattern.split('/'), leaf.split('/'));
    loop {
        match (steps.next(), keys.next()) {
            (None, None) => return true,
            (Some(step), Some(key)) if fit(step, key).is_some() => {}
            _ => return false,
        }
    }
}

/// The paths of elements that stand several times beside each other.
pub fn repeated(root: &Node) -> Vec<String> {
    let mut found = Vec::new();
    collect_repeated(root, "", &mut found);
    found
}

fn collect_repeated(node: &Node, path: &str, found: &mut Vec<String>) {
    let entries = node.entries();
    for (index, (key, below)) in entries.iter().enumerate() {
        let path = format!("{path}/{}", escaped(key));
        collect_repeated(below, &path, found);
        if entries[..index].iter().any(|(earlier, _)| earlier == key) {
            found.push(path);
        }
    }
}

/// A key as a step of a path, so that no key can pass for several steps, for a list or for a number.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1").replace('*', "~2").replace('#', "~3")
}

/// Whether two keys are one to a reader that does not mind case.
fn is_new(seen: &mut std::collections::HashSet<String>, key: &str) -> bool {
    seen.insert(key.to_lowercase())
}

const MAX_DEPTH: usize = 32;
const MAX_DIGITS: usize = 6;

/// Why a body could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not written as it must be.
    #[error("the body is not acceptable {format:?}: {reason}")]
    Malformed {
        /// How it should be written.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// Read, it would take too much memory.
    #[error("the body has more than {limit} values")]
    TooManyNodes {
        /// The limit.
        limit: usize,
    },
    /// Nothing can be found in such a body.
    #[error("the body has no structure")]
    NotStructured,
    /// The path leads nowhere, or to several places.
    #[error("the body has not one place {0}")]
    NoPlace(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Node {
        parse(text.as_bytes(), Format::Json).expect("JSON")
    }

    fn texts(root: &Node, path: &str) -> Vec<String> {
        select(root, path).into_iter().filter_map(Node::text).collect()
    }

    #[test]
    fn paths_select_through_lists() {
        let tree = json(r#"{"r":[{"id":"a","v":[1,2]},{"id":"b"}]}"#);
        assert_eq!(texts(&tree, "/r/*/id"), ["a", "b"]);
        assert_eq!(texts(&tree, "/r/*/v/*"), ["1", "2"]);
        assert_eq!(select(&tree, "/r/id").len(), 0);
        assert_eq!(select(&tree, "").len(), 1);
        let paths: Vec<String> = leaves(&tree).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["/r/*/id", "/r/*/v/*", "/r/*/v/*", "/r/*/id"]);
    }

    #[test]
    fn a_body_has_so_many_nodes_and_no_more_in_every_format() {
        let list = |nodes: usize| format!("[{}0]", "0,".repeat(nodes - 2));
        let elements = |nodes: usize| format!("<a b=\"\">{}</a>", "<c/>".repeat(nodes - 2));
        let pairs = |nodes: usize| (0..nodes).map(|number| format!("k{number}=")).collect::<Vec<_>>().join("&");
        let bodies =
            |nodes| [(list(nodes), Format::Json), (elements(nodes), Format::Xml), (pairs(nodes), Format::Form)];
        for (body, format) in bodies(BODY_NODES) {
            assert!(parse(body.as_bytes(), format).is_ok(), "{format:?}");
        }
        for (body, format) in bodies(BODY_NODES + 1) {
            let refused = Err(TreeError::TooManyNodes { limit: BODY_NODES });
            assert_eq!(parse(body.as_bytes(), format), refused, "{format:?}");
        }
    }

    #[test]
    fn a_number_sign_stands_for_a_plain_number_only() {
        let tree = parse(b"Name1=a&Name2=b&Name02=c&NameX=d&Name=e&Name1234567=f", Format::Form).expect("a form");
        let found: Vec<_> = rows(&tree, "/Name#").into_iter().filter_map(|row| row.number).collect();
        assert_eq!(found, ["1", "2"]);
        assert_eq!(texts(&tree, &numbered("/Name#", Some("2"))), ["b"]);
        assert!(stands_for("/Name#", "/Name10") && stands_for("/r[#][a]", "/r[0][a]"));
        assert!(!stands_for("/Name#", "/Name") && !stands_for("/Name#", "/Name1/a") && !stands_for("/a/*", "/a/b"));
    }

    #[test]
    fn a_key_passes_for_nothing_but_itself() {
        let tree = json(r##"{"r/*/id":1,"Name#":2,"*":3}"##);
        let paths: Vec<String> = leaves(&tree).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["/r~1~2~1id", "/Name~3", "/~2"]);
        assert!(paths.iter().all(|path| !["/r/*/id", "/Name#", "/*"].iter().any(|other| stands_for(other, path))));
    }

    #[test]
    fn repeated_elements_are_all_found_and_told() {
        let tree = parse(b"<a><b><c>1</c></b><b><c>2</c><c>3</c></b></a>", Format::Xml).expect("XML");
        assert_eq!(texts(&tree, "/a/b/c"), ["1", "2", "3"]);
        assert_eq!(repeated(&tree), ["/a/b/c", "/a/b"]);
    }
}
