//! What a CA says.

use acmite::acme::challenge::Challenge;
use acmite::acme::directory::Directory;
use acmite::acme::order::Order;
use acmite::acme::problem::Problem;

/// A problem document, directory, order or challenge: a token has the letters of RFC 8555 alone.
pub(crate) fn objects(data: &[u8]) {
    if let Ok(problem) = serde_json::from_slice::<Problem>(data) {
        let _ = (problem.to_string(), problem.kind(), problem.names());
    }
    let _ = serde_json::from_slice::<Directory>(data);
    let _ = serde_json::from_slice::<Order>(data);
    if let Ok(challenge) = serde_json::from_slice::<Challenge>(data) {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(challenge.token.iter().all(|token| token.as_str().chars().all(letters)), "{challenge:?}");
    }
}
