//! Values put into bodies and cut out of them.

use super::{Branch, Format, Node, TreeError, form, json, parse, xml};

/// The body with `text` at `path`, where nothing may be yet; objects and elements on the way are made.
pub fn insert(body: &[u8], format: Format, path: &str, text: &str) -> Result<Vec<u8>, TreeError> {
    let mut tree = if body.is_empty() { Node::Map(Branch::default()) } else { parse(body, format)? };
    let no_place = || TreeError::NoPlace(path.to_owned());
    let (parents, key) = path.rsplit_once('/').ok_or_else(no_place)?;
    let mut place = &mut tree;
    for step in parents.split('/').skip(1) {
        place = entry(place, step, format).ok_or_else(no_place)?;
    }
    let branch = branch_of(place, format).ok_or_else(no_place)?;
    let beside_text = branch.own_text.is_some() && !key.starts_with('@');
    if beside_text || branch.entries.iter().any(|(other, _)| other.eq_ignore_ascii_case(key)) {
        return Err(no_place());
    }
    branch.entries.push((key.to_owned(), Node::Text(text.to_owned())));
    write(&tree, format).ok_or_else(no_place)
}

/// The body with nothing at `path`, and what stood there.
pub fn cut(body: &[u8], format: Format, path: &str) -> Result<(Vec<u8>, String), TreeError> {
    let mut tree = parse(body, format)?;
    let no_place = || TreeError::NoPlace(path.to_owned());
    let mut place = &mut tree;
    for step in path.split('/').skip(1) {
        place = one(place, step).ok_or_else(no_place)?;
    }
    let value = place.text().ok_or_else(no_place)?;
    match place {
        Node::Map(branch) => branch.own_text = None,
        leaf => *leaf = Node::Text(String::new()),
    }
    let rest = write(&tree, format).ok_or_else(no_place)?;
    Ok((rest, value))
}

/// The one entry of a name.
fn one<'a>(node: &'a mut Node, step: &str) -> Option<&'a mut Node> {
    let Node::Map(branch) = node else { return None };
    let mut found = branch.entries.iter_mut().filter(|(key, _)| key == step).map(|(_, node)| node);
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first) }
}

/// The one entry of a name, made where there is none.
fn entry<'a>(node: &'a mut Node, step: &str, format: Format) -> Option<&'a mut Node> {
    let branch = branch_of(node, format)?;
    if branch.own_text.is_some() {
        return None;
    }
    if !branch.entries.iter().any(|(key, _)| key == step) {
        branch.entries.push((step.to_owned(), Node::Map(Branch::default())));
    }
    one(node, step)
}

/// What is below a node; an empty XML element has room too.
fn branch_of(node: &mut Node, format: Format) -> Option<&mut Branch> {
    if node.is_empty_container(format) && format == Format::Xml {
        *node = Node::Map(Branch::default());
    }
    if let Node::Map(branch) = node { Some(branch) } else { None }
}

fn write(tree: &Node, format: Format) -> Option<Vec<u8>> {
    match (format, tree) {
        (Format::Json, node) => Some(json::write(node)),
        (Format::Xml, Node::Map(branch)) => xml::write(branch),
        (Format::Form, Node::Map(branch)) => form::write(branch),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_put_beside_an_elements_own_text() {
        let body = b"<r a=\"1\">text</r>";
        for path in ["/r/key", "/r/auth/key"] {
            assert_eq!(insert(body, Format::Xml, path, "k"), Err(TreeError::NoPlace(path.to_owned())));
        }
        assert!(insert(body, Format::Xml, "/r/@key", "k").is_ok());
    }

    #[test]
    fn a_leaf_is_put_in_and_cut_out_of_every_format() {
        for (format, body, path) in [
            (Format::Json, r#"{"a":1}"#, "/auth/key"),
            (Format::Json, "", "/key"),
            (Format::Xml, "<r><a>1</a></r>", "/r/auth/key"),
            (Format::Xml, "<r><auth/></r>", "/r/auth/@key"),
            (Format::Form, "a=1", "/key"),
            (Format::Form, "", "/key"),
        ] {
            let whole = insert(body.as_bytes(), format, path, "k\"<&=y").expect(body);
            let (rest, value) = cut(&whole, format, path).expect(body);
            assert_eq!(value, "k\"<&=y", "{body}");
            assert_eq!(cut(&rest, format, path).expect(body).1, "", "{body}");
        }
    }

    #[test]
    fn there_must_be_one_place() {
        assert!(insert(br#"{"a":[]}"#, Format::Json, "/a/key", "x").is_err());
        assert!(insert(br#"{"key":1}"#, Format::Json, "/key", "x").is_err());
        assert!(insert(br#"{"Key":1}"#, Format::Json, "/key", "x").is_err());
        assert!(insert(b"<r>text</r>", Format::Xml, "/r/key", "x").is_err());
        assert!(insert(b"<r><a/><a/></r>", Format::Xml, "/r/a/key", "x").is_err());
        assert!(insert(b"<r/>", Format::Xml, "/other/key", "x").is_err());
        assert!(insert(b"a=1", Format::Form, "/b/c", "x").is_err());
        assert!(insert(b"x", Format::Text, "/a", "x").is_err());
        assert!(cut(br#"{"a":{"b":1}}"#, Format::Json, "/a").is_err());
        assert!(cut(br#"{"a":null}"#, Format::Json, "/a").is_err());
        assert!(cut(b"<r><a>1</a><a>2</a></r>", Format::Xml, "/r/a").is_err());
        assert!(cut(b"x", Format::Text, "/a").is_err());
    }

    #[test]
    fn whatever_is_read_is_written_with_the_same_meaning() {
        let samples = [
            (Format::Json, &br#"{"a":[1,-2.5,"x\u00e9\n",null,true,{"b":{}}],"c":"d"}"#[..]),
            (Format::Xml, b"<?xml version=\"1.0\"?>\n<a b='c &amp; d'>\n <e>f &lt; g</e><e/><h i='j'>k</h> </a>"),
            (Format::Form, b"a=1+2&b%5B0%5D=%C3%A9&c=&d=%26"),
        ];
        const BYTES: &[u8] = b"<>&;%+=\"'{}[],: /!-?#x1aA\n\t\r\\";
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut taken = [0; 3];
        for round in 0..30_000 {
            let (format, sample) = samples[round % 3];
            let mut text = sample.to_vec();
            for _ in 0..1 + round % 2 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = random as usize % text.len();
                let with = BYTES[(random >> 32) as usize % BYTES.len()];
                text[at] = with;
            }
            let Ok(tree) = parse(&text, format) else { continue };
            taken[round % 3] += 1;
            let shown = String::from_utf8_lossy(&text);
            let written = write(&tree, format).unwrap_or_else(|| panic!("{shown} was not written"));
            assert_eq!(parse(&written, format).as_ref(), Ok(&tree), "{shown} as {}", String::from_utf8_lossy(&written));
        }
        assert!(taken.iter().all(|taken| *taken > 500), "{taken:?}");
    }
}
