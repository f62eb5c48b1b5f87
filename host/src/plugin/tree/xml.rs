//! XML 1.0, of which only elements, attributes and text are taken.

use std::collections::HashSet;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Branch, MAX_DEPTH, Node, Room, is_new};

/// The document as a map with one entry, the root element. Namespaces are not resolved: a prefix is part of the name.
pub(super) fn parse(bytes: &[u8], room: &Room) -> Result<Node, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().expand_empty_elements = true;
    let mut open = vec![Open::default()];
    let mut is_first = true;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Eof => return document(open),
            Event::Decl(declaration) if is_first => check_declaration(&declaration)?,
            Event::Start(tag) if open.len() <= MAX_DEPTH => open.push(opened(&tag, room)?),
            Event::Start(_) => return Err("nested too deeply".into()),
            Event::End(_) => close(&mut open)?,
            Event::Text(text) => innermost(&mut open)?.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => innermost(&mut open)?.text.push_str(&resolved(&reference)?),
            other => return Err(format!("{} are not taken", what(&other))),
        }
        is_first = false;
    }
}

/// An element whose end is still to come; the first is the document.
#[derive(Default)]
struct Open {
    name: String,
    branch: Branch,
    has_children: bool,
    text: String,
}

impl Open {
    fn node(self) -> Result<Node, String> {
        if self.text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
            return Err(format!("the text of {} has control characters", self.name));
        }
        if self.has_children && !self.text.trim_ascii().is_empty() {
            return Err(format!("{} has text beside its elements", self.name));
        }
        if self.branch.entries.is_empty() {
            return Ok(Node::Text(self.text));
        }
        let own_text = (!self.has_children && !self.text.is_empty()).then_some(self.text);
        Ok(Node::Map(Branch { own_text, ..self.branch }))
    }
}

fn document(mut open: Vec<Open>) -> Result<Node, String> {
    let document = open.pop().filter(|_| open.is_empty()).ok_or("an element does not end")?;
    if document.branch.entries.len() != 1 {
        return Err("it has not one root element".into());
    }
    document.node()
}

fn innermost(open: &mut [Open]) -> Result<&mut Open, String> {
    open.last_mut().ok_or_else(|| "an element ends that did not begin".to_owned())
}

fn close(open: &mut Vec<Open>) -> Result<(), String> {
    let element = open.pop().ok_or("an element ends that did not begin")?;
    let parent = innermost(open)?;
    let name = element.name.clone();
    parent.branch.entries.push((name, element.node()?));
    parent.has_children = true;
    Ok(())
}

fn opened(tag: &BytesStart<'_>, room: &Room) -> Result<Open, String> {
    room.take()?;
    let mut element = Open { name: checked_name(tag.name().0)?, ..Open::default() };
    let mut seen = HashSet::new();
    for attribute in tag.attributes() {
        room.take()?;
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = checked_name(attribute.key.0)?;
        if !is_new(&mut seen, &name) {
            return Err(format!("the attribute {name:?} stands twice"));
        }
        if attribute.value.contains('<') {
            return Err(format!("the attribute {name:?} has a '<'"));
        }
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|error| error.to_string())?;
        if value.chars().any(char::is_control) {
            return Err(format!("the attribute {name:?} has control characters"));
        }
        element.branch.entries.push((format!("@{name}"), Node::Text(value.into_owned())));
    }
    Ok(element)
}

fn checked_name(name: &str) -> Result<String, String> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if starts && name.chars().all(plain) { Ok(name.to_owned()) } else { Err(format!("{name:?} is not a plain name")) }
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), String> {
    let version = declaration.version().map_err(|error| error.to_string())?;
    let encoding = declaration.encoding().transpose().map_err(|error| error.to_string())?;
    match version == "1.0" && encoding.is_none_or(|encoding| encoding.eq_ignore_ascii_case("utf-8")) {
        true => Ok(()),
        false => Err("only XML 1.0 in UTF-8 is taken".into()),
    }
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    let known = resolve_predefined_entity(reference).map(str::to_owned);
    known.ok_or_else(|| "entities are not taken".into())
}

fn what(event: &Event<'_>) -> &'static str {
    match event {
        Event::CData(_) => "CDATA sections",
        Event::Comment(_) => "comments",
        Event::DocType(_) => "document types",
        Event::PI(_) => "processing instructions",
        _ => "declarations within the document",
    }
}

pub(super) fn write(document: &Branch) -> Option<Vec<u8>> {
    let mut text = String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    let [(name, root)] = document.entries.as_slice() else { return None };
    write_element(name, root, &mut text)?;
    Some(text.into_bytes())
}

fn write_element(name: &str, node: &Node, text: &mut String) -> Option<()> {
    let nothing = Branch::default();
    let branch = if let Node::Map(branch) = node { branch } else { &nothing };
    text.extend(["<", name]);
    for (key, value) in branch.entries.iter().filter(|(key, _)| key.starts_with('@')) {
        text.extend([" ", &key[1..], "=\"", &escaped(&value.text()?), "\""]);
    }
    text.push('>');
    for (key, below) in branch.entries.iter().filter(|(key, _)| !key.starts_with('@')) {
        write_element(key, below, text)?;
    }
    if let Some(own) = node.text() {
        text.push_str(&escaped(&own));
    }
    text.extend(["</", name, ">"]);
    Some(())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::tree::select;

    fn parse(bytes: &[u8]) -> Result<Node, String> {
        super::parse(bytes, &Room::new(1000))
    }

    fn texts(text: &str, path: &str) -> Vec<String> {
        let tree = parse(text.as_bytes()).expect(text);
        select(&tree, path).into_iter().filter_map(Node::text).collect()
    }

    #[test]
    fn elements_attributes_and_text_are_read() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"urn:x\">\n <b n='1 &amp; 2'>x &lt;&#x79;\
                    </b>\n <c/> <d> e </d></a>\n";
        assert_eq!(texts(text, "/a/@xmlns"), ["urn:x"]);
        assert_eq!(texts(text, "/a/b/@n"), ["1 & 2"]);
        assert_eq!(texts(text, "/a/b"), ["x <y"]);
        assert_eq!(texts(text, "/a/c"), [""]);
        assert_eq!(texts(text, "/a/d"), [" e "]);
    }

    #[test]
    fn whatever_readers_take_differently_is_refused() {
        for text in [
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            "<!DOCTYPE a><a/>",
            "<a>&e;</a>",
            "<a b='&e;'/>",
            "<a>x<!-- y -->z</a>",
            "<!-- y --><a/>",
            "<a><![CDATA[x]]></a>",
            "<?php x ?><a/>",
            "<a><?x y?></a>",
            " <?xml version=\"1.0\"?><a/>",
            "<?xml version=\"1.1\"?><a/>",
            "<?xml version=\"1.0\" encoding=\"UTF-7\"?><a/>",
            "<a>x<b/></a>",
            "<a><b/>x</a>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "",
            "<a>",
            "</a>",
            "<a></b>",
            "<a b='1' b='2'/>",
            "<a b='1' B='2'/>",
            "<a b=1/>",
            "<a b='<'/>",
            "<a b='&#10;'/>",
            "<a>&#0;</a>",
            "<a>&#1;</a>",
            "<a>\u{1}</a>",
            "<a>&</a>",
            "<\u{e9}/>",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text} was taken as {:?}", parse(text.as_bytes()));
        }
        assert!(parse(b"<a>\xff</a>").is_err());
        assert!(parse(format!("{}{}", "<a>".repeat(40), "</a>".repeat(40)).as_bytes()).is_err());
    }

    #[test]
    fn what_was_read_is_written_with_the_same_meaning() {
        let text = "<a x=\"1 &quot;\"><b>x &amp; y</b><b></b><c d=\"e\">f</c></a>";
        let Node::Map(document) = parse(text.as_bytes()).expect("XML") else { panic!("no document") };
        let written = write(&document).expect("written");
        assert_eq!(String::from_utf8_lossy(&written), format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}"));
        assert_eq!(parse(&written).expect("XML"), Node::Map(document));
    }
}
