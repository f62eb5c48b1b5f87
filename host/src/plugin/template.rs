//! Places in requests and replies, and texts made of them, as a manifest writes them.

use std::fmt;
use std::str::FromStr;

/// The fields and captures that a sink's template names: "Basic {base64:user:password}" names two.
pub fn field_names(template: &str) -> impl Iterator<Item = &str> {
    let places = template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(place, _)| place);
    places.flat_map(|place| place.strip_prefix("base64:").unwrap_or(place).split(':')).filter(|name| !name.is_empty())
}

/// One piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Literal(String),
    /// `{path:x}`: a variable of the path.
    Path(String),
    /// `{query:x}`: a query pair.
    Query(String),
    /// `{header:x}`: a header that the guest set, in lower case.
    Header(String),
    /// `{body:/a/b}`: a leaf of the body.
    Body(String),
    /// `{/a/b}`: a leaf of the row in hand; empty for `{/}`, the row itself.
    Row(String),
    /// `{/a/b|/prefix/}`: a place without this prefix, where it has it.
    Stripped(Box<Piece>, String),
    /// `{zone}`: the zone of the call.
    Zone,
    /// `{name}`: the name in hand, in `form`.
    Name,
    /// `{=x}`: a plain setting.
    Setting(String),
}

/// Literals and places: "{body:/name}.{zone}".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').ok_or_else(|| TemplateError { text: text.to_owned() })?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            pieces.push(piece(place).ok_or_else(|| TemplateError { text: text.to_owned() })?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self(pieces))
    }
}

fn piece(place: &str) -> Option<Piece> {
    if let Some((inner, prefix)) = place.split_once('|') {
        return Some(Piece::Stripped(Box::new(piece(inner)?), prefix.to_owned()));
    }
    Some(match place.split_once(':') {
        Some(("path", name)) => Piece::Path(name.to_owned()),
        Some(("query", name)) => Piece::Query(name.to_owned()),
        Some(("header", name)) => Piece::Header(name.to_ascii_lowercase()),
        Some(("body", path)) if path.starts_with('/') => Piece::Body(path.to_owned()),
        Some(_) => return None,
        None if place == "zone" => Piece::Zone,
        None if place == "name" => Piece::Name,
        None if place == "/" => Piece::Row(String::new()),
        None if place.starts_with('/') => Piece::Row(place.to_owned()),
        None => Piece::Setting(place.strip_prefix('=')?.to_owned()),
    })
}

/// As a manifest writes it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            place => write!(f, "{{{}}}", place_text(place)),
        })
    }
}

fn place_text(piece: &Piece) -> String {
    match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Path(name) => format!("path:{name}"),
        Piece::Query(name) => format!("query:{name}"),
        Piece::Header(name) => format!("header:{name}"),
        Piece::Body(path) => format!("body:{path}"),
        Piece::Row(path) if path.is_empty() => "/".to_owned(),
        Piece::Row(path) => path.clone(),
        Piece::Stripped(inner, prefix) => format!("{}|{prefix}", place_text(inner)),
        Piece::Zone => "zone".to_owned(),
        Piece::Name => "name".to_owned(),
        Piece::Setting(name) => format!("={name}"),
    }
}

impl Template {
    /// The texts it stands for, one for each value of its places that have several; empty where a place has no value.
    pub fn render(&self, lookup: &dyn Fn(&Piece) -> Vec<String>) -> Vec<String> {
        let mut texts = vec![String::new()];
        for piece in &self.0 {
            let values = piece_values(piece, lookup);
            texts = texts.iter().flat_map(|text| values.iter().map(move |value| format!("{text}{value}"))).collect();
        }
        texts
    }

    /// Its places, prefixes aside.
    pub fn places(&self) -> impl Iterator<Item = &Piece> {
        self.0.iter().map(Piece::place)
    }

    /// The text, if it is the same for all requests and users.
    pub fn literal(&self) -> Option<String> {
        let texts =
            self.0.iter().map(|piece| if let Piece::Literal(text) = piece { Some(text.as_str()) } else { None });
        texts.collect()
    }

    /// The body leaves it reads, given where its rows are.
    pub fn body_paths(&self, each: &str) -> Vec<String> {
        self.places()
            .filter_map(|piece| match piece {
                Piece::Body(path) => Some(path.clone()),
                Piece::Row(path) => Some(format!("{each}{path}")),
                _ => None,
            })
            .collect()
    }
}

impl Piece {
    /// Whether the guest writes it.
    pub fn is_of_request(&self) -> bool {
        matches!(self.place(), Self::Path(_) | Self::Query(_) | Self::Header(_) | Self::Body(_) | Self::Row(_))
    }

    fn place(&self) -> &Self {
        if let Self::Stripped(inner, _) = self { inner.place() } else { self }
    }
}

fn piece_values(piece: &Piece, lookup: &dyn Fn(&Piece) -> Vec<String>) -> Vec<String> {
    match piece {
        Piece::Literal(text) => vec![text.clone()],
        Piece::Stripped(inner, prefix) => {
            let strip = |value: String| value.strip_prefix(prefix.as_str()).map(str::to_owned).unwrap_or(value);
            piece_values(inner, lookup).into_iter().map(strip).collect()
        }
        place => lookup(place),
    }
}

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a template; places are {{path:x}}, {{query:x}}, {{header:x}}, {{body:/a/b}}, {{/a/b}}, {{/a/b|prefix}}, {{zone}}, {{name}}, {{=setting}}"
)]
pub struct TemplateError {
    /// What was given.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_literals_and_places() {
        let template: Template = "{body:/name}.{zone}".parse().expect("a template");
        let lookup = |piece: &Piece| match piece {
            Piece::Body(path) if path == "/name" => vec!["a".to_owned(), "b".to_owned()],
            Piece::Zone => vec!["example.com".to_owned()],
            _ => Vec::new(),
        };
        assert_eq!(template.render(&lookup), ["a.example.com", "b.example.com"]);
        assert_eq!(template.body_paths(""), ["/name"]);
        let stripped: Template = "{/id|/hostedzone/}".parse().expect("a template");
        assert_eq!(stripped.render(&|_| vec!["/hostedzone/Z1".into(), "Z2".into()]), ["Z1", "Z2"]);
        assert_eq!(stripped.body_paths("/r/*"), ["/r/*/id"]);
        for text in ["{body:name}", "{", "{what:x}", "{x}"] {
            assert!(text.parse::<Template>().is_err(), "{text} was taken");
        }
    }
}
