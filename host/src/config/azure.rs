//! How acmite proves itself to Azure where no client secret is given: what Azure's own libraries look through, in their
//! order.
//!
//! "Azure Identity client library, DefaultAzureCredential" and "Environment variables" of the same library, and what
//! certbot-dns-azure and lego name beside them (seen 2026-11-28).

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::environment::Environment;
use crate::identity::entra::{AppHeader, EntraSource, Proof};
use crate::identity::entra_certificate::{CertificateError, EntraCertificate};
use crate::identity::fetch::Patience;

/// What the fields of the provider say.
pub struct AzureFields<'a> {
    /// The value of a plain field.
    pub plain: &'a dyn Fn(&str) -> Option<&'a str>,
    /// Whether there is a client secret.
    pub has_secret: bool,
    /// The environment.
    pub environment: Environment<'a>,
}

/// Reads a file that is the owner's alone.
pub type Read<'a, E> = &'a dyn Fn(&Path) -> Result<Zeroizing<Vec<u8>>, E>;

/// Who gives a token, and why others were passed over.
#[derive(Debug)]
pub struct AzureChain {
    /// `None` where the provider is to log in by its secret.
    pub source: Option<EntraSource>,
    /// Each way and why it is not usable.
    pub tried: Vec<String>,
}

impl AzureFields<'_> {
    /// The first way there is.
    pub fn chain<E: From<AzureError>>(&self, read: Read<'_, E>) -> Result<AzureChain, E> {
        let mut chain = AzureChain { source: None, tried: Vec::new() };
        let wanted = self.text("auth_method");
        if self.has_secret && wanted.is_none_or(|method| method == "env") {
            return Ok(chain);
        }
        let is_wanted = |method: &str| wanted.is_none_or(|wanted| wanted == method) && !self.names_machine(wanted);
        if is_wanted("env") {
            chain.tried.push("client_secret is not set".to_owned());
            chain.source = self.certificate(read, &mut chain.tried)?;
        }
        if chain.source.is_none() && is_wanted("wli") {
            chain.source = self.federated(&mut chain.tried);
        }
        if chain.source.is_none() && wanted.is_none_or(|wanted| wanted == "msi") {
            chain.source = Some(self.managed(wanted, &mut chain.tried));
        }
        Ok(chain)
    }

    fn text(&self, field: &str) -> Option<&str> {
        (self.plain)(field)
    }

    /// certbot's way to say that the machine's identity is meant.
    fn names_machine(&self, wanted: Option<&str>) -> bool {
        let is_meant = self.text("msi_client_id").is_some() || self.text("msi_system_assigned") == Some("true");
        wanted.is_none() && is_meant && self.text("client_certificate_path").is_none()
    }

    fn certificate<E: From<AzureError>>(
        &self,
        read: Read<'_, E>,
        tried: &mut Vec<String>,
    ) -> Result<Option<EntraSource>, E> {
        let Some(path) = self.text("client_certificate_path").map(PathBuf::from) else {
            tried.push("client_certificate_path is not set".to_owned());
            return Ok(None);
        };
        let pem = read(&path)?;
        let certificate = EntraCertificate::from_pem(&pem);
        let certificate = certificate.map_err(|source| AzureError::Certificate { path, source })?;
        Ok(self.application(Proof::Certificate(certificate), tried))
    }

    fn federated(&self, tried: &mut Vec<String>) -> Option<EntraSource> {
        match self.text("federated_token_file") {
            Some(path) => self.application(Proof::Federated(PathBuf::from(path)), tried),
            None => {
                tried.push("AZURE_FEDERATED_TOKEN_FILE is not set".to_owned());
                None
            }
        }
    }

    fn application(&self, proof: Proof, tried: &mut Vec<String>) -> Option<EntraSource> {
        let (Some(tenant), Some(client_id)) = (self.text("tenant_id"), self.text("client_id")) else {
            tried.push("tenant_id or client_id is not set".to_owned());
            return None;
        };
        let login = self.environment.text("AZURE_AUTHORITY_HOST").unwrap_or_else(|| self.login());
        Some(EntraSource::Application {
            login: login.to_owned(),
            tenant: tenant.to_owned(),
            client_id: client_id.to_owned(),
            proof,
            resource: self.resource(),
        })
    }

    fn managed(&self, wanted: Option<&str>, tried: &mut Vec<String>) -> EntraSource {
        let by_certbot = self.names_machine(wanted);
        let client_id = self.text("msi_client_id").or_else(|| self.text("client_id").filter(|_| !by_certbot));
        let client_id = client_id.map(str::to_owned);
        let resource = self.resource();
        let endpoint = self.environment.text("IDENTITY_ENDPOINT");
        if let (Some(endpoint), Some(header)) = (endpoint, self.environment.text("IDENTITY_HEADER")) {
            let (endpoint, header) = (endpoint.to_owned(), AppHeader(Zeroizing::new(header.to_owned())));
            return EntraSource::App { endpoint, header, client_id, resource };
        }
        tried.push("IDENTITY_ENDPOINT and IDENTITY_HEADER are not set".to_owned());
        let is_known = by_certbot || wanted.is_some();
        let patience = if is_known { Patience::Known } else { Patience::Guess };
        let endpoint = self.environment.text("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or(MACHINE_ENDPOINT);
        EntraSource::Machine { endpoint: endpoint.to_owned(), client_id, resource, patience }
    }

    fn resource(&self) -> String {
        let scope = self.text("scope").unwrap_or("https://management.azure.com/.default");
        scope.trim_end_matches("/.default").to_owned()
    }

    /// Where the clouds' applications log in ("Microsoft Entra authentication & national clouds", seen 2026-11-28).
    fn login(&self) -> &'static str {
        match self.text("environment") {
            Some("AzureChinaCloud") => "https://login.chinacloudapi.cn",
            Some("AzureUSGovernment") => "https://login.microsoftonline.us",
            _ => "https://login.microsoftonline.com",
        }
    }
}

const MACHINE_ENDPOINT: &str = "http://169.254.169.254";

/// Why a way that was chosen cannot be gone.
#[derive(Debug, thiserror::Error)]
pub enum AzureError {
    /// The certificate cannot be used.
    #[error("{} {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: CertificateError,
    },
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn chain(fields: &[(&str, &str)], variables: &[(&str, &str)], has_secret: bool) -> AzureChain {
        let environment: Vec<(OsString, OsString)> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let plain = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let fields = AzureFields { plain: &plain, has_secret, environment: Environment(&environment) };
        fields.chain::<AzureError>(&|_| Ok(Zeroizing::new(b"no PEM".to_vec()))).expect("a chain")
    }

    const APPLICATION: [(&str, &str); 2] = [("tenant_id", "t"), ("client_id", "c")];

    #[test]
    fn a_secret_is_the_providers_own_way_unless_another_is_asked_for() {
        assert!(chain(&APPLICATION, &[], true).source.is_none());
        let asked = chain(&[("auth_method", "msi"), ("client_id", "c")], &[], true).source;
        assert!(matches!(asked, Some(EntraSource::Machine { client_id: Some(_), patience: Patience::Known, .. })));
    }

    #[test]
    fn the_order_is_certificate_then_federation_then_the_apps_and_the_machines_identity() {
        let federated =
            [APPLICATION[0], APPLICATION[1], ("federated_token_file", "/t"), ("environment", "AzureChinaCloud")];
        let Some(EntraSource::Application { login, resource, proof: Proof::Federated(_), .. }) =
            chain(&federated, &[("IDENTITY_ENDPOINT", "http://127.0.0.1/"), ("IDENTITY_HEADER", "h")], false).source
        else {
            panic!("not federated");
        };
        assert_eq!(
            (login.as_str(), resource.as_str()),
            ("https://login.chinacloudapi.cn", "https://management.azure.com")
        );
        let app = chain(&[], &[("IDENTITY_ENDPOINT", "http://127.0.0.1/"), ("IDENTITY_HEADER", "h")], false);
        assert!(matches!(app.source, Some(EntraSource::App { client_id: None, .. })));
        let machine = chain(&[], &[], false);
        assert!(matches!(machine.source, Some(EntraSource::Machine { patience: Patience::Guess, .. })));
        assert_eq!(machine.tried.len(), 4);
    }

    #[test]
    fn certbots_lines_for_a_machines_identity_are_meant_as_they_stand() {
        let by_id =
            chain(&[("msi_client_id", "m"), ("client_id", "c")], &[("AZURE_FEDERATED_TOKEN_FILE", "/t")], false);
        let Some(EntraSource::Machine { client_id, patience, .. }) = by_id.source else { panic!("no machine") };
        assert_eq!((client_id.as_deref(), patience), (Some("m"), Patience::Known));
        let by_system = chain(&[("msi_system_assigned", "true"), ("client_id", "c")], &[], false);
        assert!(matches!(by_system.source, Some(EntraSource::Machine { client_id: None, .. })));
    }

    #[test]
    fn a_certificate_that_is_none_is_told() {
        let plain = |name: &str| (name == "client_certificate_path").then_some("/c.pem");
        let fields = AzureFields { plain: &plain, has_secret: false, environment: Environment(&[]) };
        let error = fields.chain::<AzureError>(&|_| Ok(Zeroizing::new(b"no PEM".to_vec()))).expect_err("an error");
        assert!(error.to_string().contains("/c.pem holds no certificate"), "{error}");
    }
}
