//! Certificate chains as the CA hands them out (RFC 8555 section 7.4.2).

use http::{HeaderMap, header};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::error::AcmeError;
use super::http::Reply;
use super::pem;

/// A chain, leaf first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateChain {
    /// PEM, written anew: whatever else the CA's text may hold is in none of the files that come of it.
    pub pem: String,
    /// The same certificates, DER, leaf first.
    pub der: Vec<Vec<u8>>,
}

impl CertificateChain {
    pub(super) fn from_reply(reply: &Reply) -> Result<Self, AcmeError> {
        let malformed = |what| AcmeError::Malformed { url: reply.url.clone(), what };
        let der: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&reply.body)
            .map(|found| found.map(|cert| cert.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|_| malformed("the chain is no PEM"))?;
        if der.is_empty() {
            return Err(malformed("the chain is empty"));
        }
        let pem = der.iter().map(|der| pem::block("CERTIFICATE", der)).collect();
        Ok(Self { pem, der })
    }

    /// Whether a certificate of the chain was issued by one whose common name is `name`.
    pub fn has_issuer(&self, name: &str) -> bool {
        self.issuers().iter().any(|issuer| issuer == name)
    }

    /// The common names of all issuers of the chain, from the leaf's on.
    pub fn issuers(&self) -> Vec<String> {
        let certificates = self.der.iter().filter_map(|der| X509Certificate::from_der(der).ok());
        let names = |cert: &X509Certificate<'_>| -> Vec<String> {
            cert.issuer().iter_common_name().filter_map(|name| Some(name.as_str().ok()?.to_owned())).collect()
        };
        certificates.flat_map(|(_, cert)| names(&cert)).collect()
    }
}

/// URLs of the `Link: <...>;rel="alternate"` headers.
pub(super) fn alternates(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(alternate).collect()
}

fn alternate(link: &str) -> Option<String> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_alternate = parameters.split(';').any(|p| p.replace([' ', '"'], "") == "rel=alternate");
    is_alternate.then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alternate_links_are_taken() {
        let mut headers = HeaderMap::new();
        headers.append(header::LINK, r#"<https://ca/dir>;rel="index""#.parse().expect("a value"));
        headers.append(
            header::LINK,
            r#"<https://ca/1>;rel="alternate", <https://ca/2>; rel=alternate"#.parse().expect("ok"),
        );
        assert_eq!(alternates(&headers), ["https://ca/1", "https://ca/2"]);
    }
}
