//! The body: a closed world of leaves, each listed, fixed, kept or judged.

use std::collections::BTreeSet;

use crate::plugin::guard::Guard;
use crate::plugin::guard::view::{Place, RequestView};
use crate::plugin::manifest::{Endpoint, Leaf, Sink, SinkPlace};
use crate::plugin::tree::{self, Branch, Format, Node};
use crate::plugin::wire::GuestRequest;

impl Guard {
    pub(super) fn body(
        &self,
        request: &GuestRequest,
        endpoint: &Endpoint,
        sinks: &[Sink],
    ) -> Result<Option<Node>, String> {
        let Some(bytes) = &request.body else {
            return self.check_fixed_leaves(endpoint, &Node::Null).map(|()| None);
        };
        let format = endpoint.body.ok_or("the endpoint takes no body")?;
        let tree = tree::parse(bytes, format).map_err(|error| error.to_string())?;
        let judged = endpoint.effect_paths();
        for (path, node) in tree::leaves(&tree) {
            self.check_leaf(&path, node, format, endpoint, &judged, sinks)?;
        }
        self.check_fixed_leaves(endpoint, &tree)?;
        check_repeated(&tree, endpoint)?;
        check_numbers(&tree, endpoint)?;
        Ok(Some(tree))
    }

    fn check_leaf(
        &self,
        path: &str,
        node: &Node,
        format: Format,
        endpoint: &Endpoint,
        judged: &[String],
        sinks: &[Sink],
    ) -> Result<(), String> {
        let is_sink = |sink: &Sink| matches!(&sink.place, SinkPlace::Body(place) if place.eq_ignore_ascii_case(path));
        if sinks.iter().any(is_sink) {
            return Err(format!("the body's {path} is filled by the host"));
        }
        let has_text = node.text().is_some();
        let listed = judged.iter().chain(endpoint.fixed.keys()).chain(endpoint.same.keys());
        if has_text && listed.into_iter().any(|pattern| tree::stands_for(pattern, path)) {
            return Ok(());
        }
        let is_empty_root = path.is_empty() && *node == Node::Map(Branch::default());
        if is_empty_root || node.is_empty_container(format) && judged.iter().any(|other| is_below(other, path)) {
            return Ok(());
        }
        let leaf = endpoint.also.iter().find(|(pattern, _)| tree::stands_for(pattern, path)).map(|(_, leaf)| *leaf);
        let leaf = leaf.ok_or_else(|| format!("the body's {path} is not listed; add it to `also`"))?;
        match fits(leaf, node, format, self.scope.max_ttl) {
            true => Ok(()),
            false => Err(format!("the body's {path} is not a {leaf:?} as the manifest says")),
        }
    }

    fn check_fixed_leaves(&self, endpoint: &Endpoint, tree: &Node) -> Result<(), String> {
        for (path, fixed) in &endpoint.fixed {
            let found: Vec<Option<String>> = tree::select(tree, path).into_iter().map(Node::text).collect();
            let expected = self.fixed(fixed).ok_or_else(|| format!("{path} lacks its setting"))?;
            if found != [Some(expected.clone())] {
                return Err(format!("the body's {path} must be {expected:?}, as the manifest fixes"));
            }
        }
        Ok(())
    }

    /// What the manifest binds to a reply must be in the body as it was shown there.
    pub(super) fn check_same(&self, endpoint: &Endpoint, view: &RequestView<'_>, place: &Place) -> Result<(), String> {
        for (path, source) in &endpoint.same {
            let shown = self.facts.shown(place, source).ok_or_else(|| {
                format!("{path} must be as endpoint {} shows it, which has not shown it", source.endpoint)
            })?;
            let nodes = view.body.map(|body| tree::select(body, path)).unwrap_or_default();
            let written: Vec<String> = nodes.into_iter().filter_map(Node::text).collect();
            if written != *shown {
                return Err(format!("the body's {path} is not as endpoint {} showed it", source.endpoint));
            }
        }
        Ok(())
    }
}

/// Whether a manifest's path leads through the list or element at `path`.
fn is_below(pattern: &str, path: &str) -> bool {
    let mut steps = pattern.split('/');
    path.split('/').all(|key| steps.next() == Some(key)) && steps.next().is_some()
}

fn fits(leaf: Leaf, node: &Node, format: Format, max_ttl: u32) -> bool {
    let text = if let (Node::Text(text), Format::Xml | Format::Form) = (node, format) { Some(text) } else { None };
    match leaf {
        Leaf::Text => matches!(node, Node::Text(_)),
        Leaf::Number => match (node, text) {
            (Node::Number(_), _) => true,
            (_, text) => text.is_some_and(|text| is_digits(text)),
        },
        Leaf::Bool => match (node, text) {
            (Node::Bool(_), _) => true,
            (_, text) => text.is_some_and(|text| text == "true" || text == "false"),
        },
        // Some JSON APIs take it as text.
        Leaf::Ttl => node.text().is_some_and(|text| is_ttl(&text, max_ttl)),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a text is a TTL of at most `max` seconds.
pub(super) fn is_ttl(text: &str, max: u32) -> bool {
    is_digits(text) && text.parse::<u32>().is_ok_and(|ttl| ttl <= max)
}

/// Of two elements with one name a server may see the first or the last alone.
fn check_repeated(tree: &Node, endpoint: &Endpoint) -> Result<(), String> {
    let repeatable = endpoint.repeatable_paths();
    match tree::repeated(tree).into_iter().find(|path| !repeatable.contains(path)) {
        Some(path) => Err(format!("the body's {path} stands twice, and is no `each` or `values` of an effect")),
        None => Ok(()),
    }
}

/// Numbered keys count up without a gap, where a server could stop reading, and each belongs to a row.
fn check_numbers(tree: &Node, endpoint: &Endpoint) -> Result<(), String> {
    let eaches = endpoint.effects.iter().filter_map(|effect| effect.rows.as_ref()).map(|rows| rows.each.as_str());
    let mut counted = BTreeSet::new();
    for each in eaches.filter(|each| each.contains('#')) {
        let rows = tree::rows(tree, each);
        let numbers: BTreeSet<u32> = rows.iter().filter_map(|row| row.number.as_ref()?.parse().ok()).collect();
        let first = numbers.first().copied().unwrap_or_default();
        if first > 1 || !numbers.iter().copied().eq((first..).take(numbers.len())) {
            return Err(format!("the numbers of {each} do not count up from 0 or 1"));
        }
        counted.extend(numbers);
    }
    for path in endpoint.leaf_paths().iter().filter(|path| path.contains('#')) {
        let numbers = tree::rows(tree, path).into_iter().filter_map(|row| row.number);
        if let Some(stray) = numbers.into_iter().find(|number| !number.parse().is_ok_and(|n| counted.contains(&n))) {
            return Err(format!("the body's {} belongs to no record", tree::numbered(path, Some(&stray))));
        }
    }
    Ok(())
}
