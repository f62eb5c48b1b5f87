//! A certificate request of the user's own, for `acmite issue` and acmite.toml.

use std::path::Path;

use crate::causes::chain;
use crate::flow::hooks;
use crate::name::CertName;
use crate::pki::CertificateRequest;
use crate::secure_file::read_named;
use crate::store::renewal::Hooks;

/// Reads the file; an error is what to tell the user.
pub(super) fn read(path: &Path) -> Result<CertificateRequest, String> {
    let about = |why: String| format!("{}: {why}", path.display());
    let bytes = read_named(path).map_err(|error| about(format!("cannot be read: {error}")))?;
    CertificateRequest::read(&bytes).map_err(|error| about(error.to_string()))
}

/// Names that were given besides: in any order, they must be those of the request.
pub(super) fn agree(given: &[CertName], request: &CertificateRequest) -> Result<Vec<CertName>, String> {
    let missing = |here: &[CertName], there: &[CertName]| there.iter().find(|name| !here.contains(name)).cloned();
    if let Some(name) = missing(request.names(), given) {
        return Err(format!("{name} is not in the certificate request; leave the names out, or make the request anew"));
    }
    if let Some(name) = missing(given, request.names()) {
        return Err(format!("the certificate request is for {name} too; name it, or leave the names out"));
    }
    Ok(given.to_vec())
}

/// Refuses hooks that need the key.
pub(super) fn check_hooks(hooks: &Hooks) -> Result<(), String> {
    for entry in hooks.pre.iter().chain(&hooks.deploy).chain(&hooks.post) {
        hooks::check_without_key(entry).map_err(|error| format!("the hook {entry:?}: {}", chain(&error)))?;
    }
    Ok(())
}
