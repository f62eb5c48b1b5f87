//! What the user names and need not protect: requests, bundles of roots, certificates, components, acmite.toml.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// All of a file, device or pipe; at most [`MAX_NAMED_BYTES`], as a name may be mistaken and a device has no end.
pub fn read_named(path: &Path) -> io::Result<Vec<u8>> {
    read_to_its_end(File::open(path)?)
}

/// The same of what is open already.
pub fn read_to_its_end(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_NAMED_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_NAMED_BYTES {
        let why = format!("it has more than {MAX_NAMED_BYTES} bytes; is it the right file?");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// More than any component may have, and far more than the roots of any system.
const MAX_NAMED_BYTES: u64 = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused() {
        let error = read_named(Path::new("/dev/zero")).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_to_its_end(&b"abc"[..]).expect("read"), b"abc");
    }
}
