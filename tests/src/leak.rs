//! Looking for a secret in what a run leaves, in every form in which secrets are commonly written.

use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// The forms of a secret: raw, hex, percent, base64 and base64url wherever it may start in what is encoded.
pub fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let percent = |digits: fn(u8) -> String, keep: fn(u8) -> bool| -> Vec<u8> {
        let one = |byte: &u8| if keep(*byte) { char::from(*byte).to_string() } else { digits(*byte) };
        secret.iter().map(one).collect::<String>().into_bytes()
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let (upper, lower) = (|byte: u8| format!("%{byte:02X}"), |byte: u8| format!("%{byte:02x}"));
    let mut forms = vec![secret.to_vec(), HEXLOWER.encode(secret).into(), HEXUPPER.encode(secret).into()];
    forms.extend([percent(upper, unreserved), percent(lower, unreserved), percent(upper, |_| false)]);
    for encoding in [BASE64, BASE64URL] {
        forms.extend((0..3).map(|before| inner_base64(&encoding, secret, before)));
    }
    forms.sort();
    forms.dedup();
    forms
}

/// Those characters that depend on the secret alone when `before` bytes stand in front of it.
fn inner_base64(encoding: &data_encoding::Encoding, secret: &[u8], before: usize) -> Vec<u8> {
    let text = encoding.encode(&[&[0; 2][..before], secret].concat()).into_bytes();
    let first = (before * 8).div_ceil(6);
    let last = (before + secret.len()) * 8 / 6;
    text[first..last].to_vec()
}

/// The files below `folder` that hold a form of the secret, but for those in `meant_to`.
///
/// # Panics
/// If a file cannot be read.
pub fn files_with(folder: &Path, secret: &[u8], meant_to: &[PathBuf]) -> Vec<PathBuf> {
    let forms = forms(secret);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_with(&path, secret, meant_to));
        } else if path.is_file() && !meant_to.contains(&path) {
            let bytes = std::fs::read(&path).expect("a file");
            if forms.iter().any(|form| holds(&bytes, form)) {
                found.push(path);
            }
        }
    }
    found
}

/// Whether `bytes` hold the form.
pub fn holds(bytes: &[u8], form: &[u8]) -> bool {
    bytes.windows(form.len()).any(|window| window == form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_at_every_place() {
        let secret = b"s3cret/+token=\xff";
        let mut texts: Vec<Vec<u8>> = vec![[b"a ", &secret[..], b" z"].concat(), HEXUPPER.encode(secret).into()];
        texts.push(b"?key=s3cret%2F%2Btoken%3D%FF&x".to_vec());
        texts.push(b"?key=s3cret%2f%2btoken%3d%ff&x".to_vec());
        for around in ["", "a", "ab", "abc"] {
            let whole = [around.as_bytes(), secret, around.as_bytes()].concat();
            texts.push(BASE64.encode(&whole).into());
            texts.push(BASE64URL.encode(&whole).into());
        }
        for text in texts {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(folder.path().join("inner")).expect("a folder");
            let file = folder.path().join("inner/file");
            std::fs::write(&file, &text).expect("written");
            assert_eq!(
                files_with(folder.path(), secret, &[]),
                std::slice::from_ref(&file),
                "{}",
                String::from_utf8_lossy(&text)
            );
            assert_eq!(files_with(folder.path(), b"another secret", &[]), Vec::<PathBuf>::new());
            assert_eq!(files_with(folder.path(), secret, &[file]), Vec::<PathBuf>::new());
        }
    }
}
