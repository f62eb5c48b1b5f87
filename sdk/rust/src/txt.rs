//! TXT values as APIs write them.

/// The presentation form (RFC 1035 section 5.1): strings of at most 255 bytes, each in quotes.
pub fn quoted(value: &str) -> String {
    let strings: Vec<String> = value
        .as_bytes()
        .chunks(STRING_BYTES)
        .map(|bytes| String::from_utf8_lossy(bytes).replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", strings.join("\" \""))
}

/// The value out of its presentation form; a bare one as it stands.
pub fn unquoted(text: &str) -> String {
    if !text.starts_with('"') {
        return text.to_owned();
    }
    let mut value = String::new();
    let mut inside = false;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => inside = !inside,
            '\\' => value.extend(characters.next()),
            c if inside => value.push(c),
            _ => {}
        }
    }
    value
}

const STRING_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for value in ["", "plain", "a \"quoted\" \\ one", &"x".repeat(600)] {
            assert_eq!(unquoted(&quoted(value)), value);
        }
        assert_eq!(quoted(&"x".repeat(256)), format!("\"{}\" \"x\"", "x".repeat(255)));
    }
}
