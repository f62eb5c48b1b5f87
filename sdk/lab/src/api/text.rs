//! TXT content as APIs show it: the presentation form of RFC 1035 section 5.1.

/// Strings of at most 255 bytes, each in quotes.
pub fn quoted(value: &str) -> String {
    let escape = |byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        byte => format!("\\{byte:03}"),
    };
    let strings: Vec<String> = value.as_bytes().chunks(255).map(|bytes| bytes.iter().map(escape).collect()).collect();
    format!("\"{}\"", strings.join("\" \""))
}

/// The value of quoted strings with blanks between; `None` if it is anything else.
pub fn unquoted(text: &str) -> Option<String> {
    let mut value = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(inner) = rest.strip_prefix(b"\"") {
        rest = one_string(inner, &mut value)?.trim_ascii_start();
    }
    let whole = rest.is_empty() && text.len() >= 2;
    if whole { String::from_utf8(value).ok() } else { None }
}

/// Reads up to the closing quote, and gives what follows it.
fn one_string<'a>(mut rest: &'a [u8], value: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some(rest),
            b'\\' if rest.first()?.is_ascii_digit() => {
                value.push(std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()?);
                rest = &rest[3..];
            }
            b'\\' => {
                value.push(*rest.first()?);
                rest = &rest[1..];
            }
            byte => value.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_out_of_their_presentation_form() {
        for value in ["", "plain", "a \"b\" \\ c", "gr\u{fc}n", &"x".repeat(300)] {
            assert_eq!(unquoted(&quoted(value)).as_deref(), Some(value));
        }
        assert_eq!(unquoted("\"a\" \"\\066\""), Some("aB".to_owned()));
    }

    #[test]
    fn what_is_not_quoted_as_it_should_be_is_no_value() {
        for text in ["bare", "\"open", "\"a\" b", "\"a\"\\", "\"\\9\"", ""] {
            assert_eq!(unquoted(text), None, "{text}");
        }
    }
}
