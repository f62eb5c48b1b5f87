//! JSON without keys that stand twice.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Branch, MAX_DEPTH, Node, Room, is_new};

pub(super) fn parse(bytes: &[u8], room: &Room) -> Result<Node, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let node = Strict { depth: 0, room }.deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(node)
}

pub(super) fn write(node: &Node) -> Vec<u8> {
    value(node).to_string().into_bytes()
}

fn value(node: &Node) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Number(number) => Value::Number(number.clone()),
        Node::Text(text) => Value::String(text.clone()),
        Node::List(list) => Value::Array(list.iter().map(value).collect()),
        Node::Map(branch) => {
            Value::Object(branch.entries.iter().map(|(key, node)| (key.clone(), value(node))).collect())
        }
    }
}

struct Strict<'a> {
    depth: usize,
    room: &'a Room,
}

impl Strict<'_> {
    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, room: self.room }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Node, D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(de::Error::custom("nested too deeply"));
        }
        self.room.take().map_err(de::Error::custom)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        let number = serde_json::Number::from_f64(value);
        number.map(Node::Number).ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(self.deeper())? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut branch = Branch::default();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !is_new(&mut seen, &key) {
                return Err(de::Error::custom(format!("the key {key:?} stands twice")));
            }
            let node = map.next_value_seed(self.deeper())?;
            branch.entries.push((key, node));
        }
        Ok(Node::Map(branch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Node, String> {
        super::parse(bytes, &Room::new(1000))
    }

    #[test]
    fn keys_that_stand_twice_are_refused_in_any_case() {
        for text in [r#"{"name":1,"name":2}"#, r#"{"name":1,"Name":2}"#, r#"{"a":[{"b":1,"B":1}]}"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text} was taken");
        }
        assert!(parse(br#"{"a":{"b":1},"b":2} "#).is_ok());
        assert!(parse(br#"{} {}"#).is_err());
        assert!(parse("[".repeat(100).as_bytes()).is_err());
    }

    #[test]
    fn what_was_read_is_written_in_its_order() {
        let text = r#"{"z":[1,-2,0.5,true,null,"\"\n"],"a":{"b":{}}}"#;
        assert_eq!(write(&parse(text.as_bytes()).expect("JSON")), text.as_bytes());
    }
}
