//! XML as APIs reply with it: elements, attributes and text, read into a tree.
//!
//! Namespaces are not resolved and document types not taken. What is sent is written with `format!` and [`escaped`].

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// As written, with its prefix.
    pub name: String,
    /// In the order written.
    pub attributes: Vec<(String, String)>,
    /// In the order written.
    pub children: Vec<Element>,
    /// All text right inside, without blanks around it.
    pub text: String,
}

impl Element {
    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The descendant at these names, one below the other, the first of each.
    pub fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The children of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name; empty if there is none.
    pub fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| &child.text)
    }

    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The root element; `None` if the text is not well-formed.
pub fn parse(text: &str) -> Option<Element> {
    let mut rest = after_prolog(text.trim_start_matches('\u{feff}'))?;
    let root = element(&mut rest, 0)?;
    after_prolog(rest)?.is_empty().then_some(root)
}

/// Text as it stands inside an element or attribute.
pub fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            other => written.push(other),
        }
    }
    written
}

/// Without blanks, declarations and comments.
fn after_prolog(text: &str) -> Option<&str> {
    let text = text.trim_ascii_start();
    match skipped(text) {
        Some(rest) => after_prolog(rest?),
        None => Some(text),
    }
}

/// What follows a declaration or comment; `None` inside if it does not end.
fn skipped(text: &str) -> Option<Option<&str>> {
    let [open, close] = [["<?", "?>"], ["<!--", "-->"]].into_iter().find(|[open, _]| text.starts_with(open))?;
    Some(text[open.len()..].split_once(close).map(|(_, rest)| rest))
}

fn element(rest: &mut &str, depth: usize) -> Option<Element> {
    if depth > MAX_DEPTH {
        return None;
    }
    *rest = rest.strip_prefix('<')?;
    let mut element = Element { name: name(rest)?, ..Element::default() };
    loop {
        *rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix("/>") {
            *rest = after;
            return Some(element);
        }
        if let Some(after) = rest.strip_prefix('>') {
            *rest = after;
            content(rest, &mut element, depth)?;
            return Some(element);
        }
        element.attributes.push(attribute(rest)?);
    }
}

fn attribute(rest: &mut &str) -> Option<(String, String)> {
    let name = name(rest)?;
    *rest = rest.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, after) = rest[1..].split_once(quote)?;
    *rest = after;
    Some((name, unescaped(value)?))
}

/// All up to and with the end of this element.
fn content(rest: &mut &str, element: &mut Element, depth: usize) -> Option<()> {
    loop {
        if let Some(after) = rest.strip_prefix("</") {
            let after = after.strip_prefix(element.name.as_str())?.trim_ascii_start();
            *rest = after.strip_prefix('>')?;
            element.text = element.text.trim_ascii().to_owned();
            return Some(());
        }
        if let Some(after) = skipped(rest) {
            *rest = after?;
        } else if let Some(after) = rest.strip_prefix("<![CDATA[") {
            let (text, after) = after.split_once("]]>")?;
            element.text.push_str(text);
            *rest = after;
        } else if rest.starts_with('<') {
            element.children.push(self::element(rest, depth + 1)?);
        } else {
            let (text, after) = rest.split_at(rest.find('<')?);
            element.text.push_str(&unescaped(text)?);
            *rest = after;
        }
    }
}

fn name(rest: &mut &str) -> Option<String> {
    let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/' | '>' | '<');
    let (name, after) = rest.split_at(rest.find(ends)?);
    *rest = after;
    (!name.is_empty() && !name.starts_with('!')).then(|| name.to_owned())
}

/// Text with its references resolved: the five of XML and characters by number.
fn unescaped(mut text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    while let Some((before, after)) = text.split_once('&') {
        let (reference, after) = after.split_once(';')?;
        plain.push_str(before);
        plain.push(character(reference)?);
        text = after;
    }
    plain.push_str(text);
    Some(plain)
}

fn character(reference: &str) -> Option<char> {
    match (reference, reference.strip_prefix("#x"), reference.strip_prefix('#')) {
        ("amp", ..) => Some('&'),
        ("lt", ..) => Some('<'),
        ("gt", ..) => Some('>'),
        ("quot", ..) => Some('"'),
        ("apos", ..) => Some('\''),
        (_, Some(hex), _) => char::from_u32(u32::from_str_radix(hex, 16).ok()?),
        (_, _, Some(decimal)) => char::from_u32(decimal.parse().ok()?),
        _ => None,
    }
}

/// Far deeper than any API's reply.
const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_into_elements() {
        let text = "<?xml version=\"1.0\"?>\n<!-- c --><List xmlns='urn:a &lt; b'>\n <Item><Value>&quot;a&amp;b&#65;&#x42;&quot;</Value>\
            <Empty/></Item> <Item id = \"2\"><Value><![CDATA[<raw>]]></Value></Item ></List>\n";
        let list = parse(text).expect("an element");
        assert_eq!((list.name.as_str(), list.attribute("xmlns")), ("List", Some("urn:a < b")));
        let values: Vec<&str> = list.all("Item").map(|item| item.text_of("Value")).collect();
        assert_eq!(values, ["\"a&bAB\"", "<raw>"]);
        assert_eq!(list.at(&["Item", "Empty"]), Some(&Element { name: "Empty".into(), ..Element::default() }));
        assert_eq!((list.text_of("Item"), list.at(&["Item", "None"])), ("", None));
    }

    #[test]
    fn what_is_not_well_formed_is_no_element() {
        for text in ["", "{}", "<a>", "<a></b>", "<a/><b/>", "<a b></a>", "<a b=\"></a>", "<a>&x;</a>", "<a>&amp</a>"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("<!DOCTYPE a><a/>"), None);
        assert_eq!(parse(&"<a>".repeat(100_000)), None);
    }

    #[test]
    fn escaped_text_comes_back() {
        let text = "<\"a\" & 'b'>";
        let element = parse(&format!("<a b=\"{0}\">{0}</a>", escaped(text))).expect("an element");
        assert_eq!((element.text.as_str(), element.attribute("b")), (text, Some(text)));
    }
}
