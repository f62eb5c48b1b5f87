//! TXT values as APIs write them.

/// The presentation form (RFC 1035 section 5.1): strings of at most 255 bytes, each in quotes.
///
/// Bytes outside printable ASCII become a backslash and three decimal digits.
pub fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for (index, &byte) in value.as_bytes().iter().enumerate() {
        if index > 0 && index % STRING_BYTES == 0 {
            text.push_str("\" \"");
        }
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte.into()]),
            b' '..=b'~' => text.push(byte.into()),
            _ => text.extend(['\\', digit(byte / 100), digit(byte / 10 % 10), digit(byte % 10)]),
        }
    }
    text.push('"');
    text
}

/// The value out of its presentation form, several strings joined; a bare one as it stands.
pub fn unquoted(text: &str) -> String {
    if !text.starts_with('"') {
        return text.to_owned();
    }
    let mut value = Vec::with_capacity(text.len());
    let mut inside = false;
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => inside = !inside,
            b'\\' => {
                let (escaped, length) = escaped(rest);
                value.extend(escaped);
                rest = &rest[length..];
            }
            byte if inside => value.push(byte),
            _ => {}
        }
    }
    String::from_utf8_lossy(&value).into_owned()
}

/// The byte that stands after a backslash, and how long its spelling is.
fn escaped(text: &[u8]) -> (Option<u8>, usize) {
    let digits = text.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
    let number = digits.map(|digits| digits.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit - b'0')));
    match number.and_then(|number| u8::try_from(number).ok()) {
        Some(byte) => (Some(byte), 3),
        None => (text.first().copied(), text.len().min(1)),
    }
}

fn digit(number: u8) -> char {
    char::from(b'0' + number)
}

const STRING_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for value in ["", "plain", "a \"quoted\" \\ one", "\\065", "grüße\n", &"x".repeat(600), &"ü".repeat(300)] {
            assert_eq!(unquoted(&quoted(value)), value);
        }
    }

    #[test]
    fn the_presentation_form_is_that_of_rfc_1035() {
        assert_eq!(quoted(&"x".repeat(256)), format!("\"{}\" \"x\"", "x".repeat(255)));
        assert_eq!(quoted("a\"\\ü"), r#""a\"\\\195\188""#);
        assert_eq!(unquoted(r#""a" "b\"c\065\999""#), "ab\"cA999");
        assert_eq!(unquoted("bare \\ value"), "bare \\ value");
    }
}
