//! Words of others: CAs, certificates, manifests.

/// The text with each control character, line ends too, and each mark that turns text around replaced by U+FFFD: it
/// cannot pass for a line of acmite's own.
pub fn one_line(text: &str) -> String {
    let ends_a_line = |c| matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if c.is_control() || turns(c) || ends_a_line(c) { '\u{fffd}' } else { c }).collect()
}

/// Whether a character makes what follows run in another direction.
pub fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// "1 name", "2 names".
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_ends_and_no_escapes_are_left() {
        assert_eq!(one_line("a\r\nb\u{1b}[2J\u{202e}c\u{0} é"), "a\u{fffd}\u{fffd}b\u{fffd}[2J\u{fffd}c\u{fffd} é");
    }
}
