//! Forms: application/x-www-form-urlencoded, as all servers read it alike.

use std::collections::HashSet;

use percent_encoding::utf8_percent_encode;

use super::{Branch, Node, Room, is_new};
use crate::plugin::wire::UNRESERVED;

pub(super) fn parse(bytes: &[u8], room: &Room) -> Result<Node, String> {
    let mut branch = Branch::default();
    let mut seen = HashSet::new();
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    for pair in text.split('&').filter(|_| !text.is_empty()) {
        room.take()?;
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} has no '='"))?;
        let (key, value) = (decoded(key)?, decoded(value)?);
        if key.is_empty() || key.chars().any(char::is_control) {
            return Err(format!("{key:?} is no key"));
        }
        if !is_new(&mut seen, &key) {
            return Err(format!("the key {key:?} stands twice"));
        }
        branch.entries.push((key, Node::Text(value)));
    }
    Ok(Node::Map(branch))
}

pub(super) fn write(branch: &Branch) -> Option<Vec<u8>> {
    let pairs: Option<Vec<String>> = branch
        .entries
        .iter()
        .map(|(key, node)| {
            let value = node.text()?;
            Some(format!("{}={}", utf8_percent_encode(key, UNRESERVED), utf8_percent_encode(&value, UNRESERVED)))
        })
        .collect();
    Some(pairs?.join("&").into_bytes())
}

/// Only what has one meaning: some servers part pairs at ';', and a stray '%' is read in several ways.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let byte = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                byte.and_then(|byte| u8::try_from(byte).ok()).ok_or_else(|| format!("{text:?} has a stray '%'"))?
            }
            b';' | b'=' | b'\0'..=b' ' | b'"' | b'<' | b'>' | 0x7f.. => {
                return Err(format!("{:?} must be percent-encoded", char::from(byte)));
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<(String, String)>, String> {
        let Node::Map(branch) = parse(text.as_bytes(), &Room::new(1000))? else { return Err("no form".into()) };
        Ok(branch.entries.into_iter().filter_map(|(key, node)| Some((key, node.text()?))).collect())
    }

    #[test]
    fn pairs_are_decoded() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(shown("a=1+2&b%5B0%5D=%C3%A9%26&c="), Ok(vec![pair("a", "1 2"), pair("b[0]", "é&"), pair("c", "")]));
        assert_eq!(shown(""), Ok(Vec::new()));
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for text in [
            "a=1&a=2",
            "a=1&A=2",
            "a=1&%61=2",
            "a",
            "&",
            "a=1&",
            "=1",
            "a=1;b=2",
            "a=%",
            "a=%1",
            "a=%zz",
            "a=%ff",
            "a=b=c",
            "a=b c",
            "a\n=1",
            "a%00=1",
            "a=é",
        ] {
            assert!(shown(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn what_was_read_is_written_with_the_same_meaning() {
        let Ok(Node::Map(branch)) = parse(b"a=1+2&b%5B0%5D=%26%3D", &Room::new(9)) else { panic!("no form") };
        assert_eq!(write(&branch).expect("written"), b"a=1%202&b%5B0%5D=%26%3D");
    }
}
