//! What the suite must know of each provider.

use acmite_lab::api::{self, CloudflareToken, InwxFactor, Reply, Request};
use acmite_lab::dns::Store;

use crate::bind::bind_zones;
use crate::conformance::bench::Zone;
use crate::conformance::exchange::Exchanges;
use crate::knot::knot_zones;
use crate::moto::{Moto, moto};
use crate::name_server::{NameServer, TSIG_SECRET};
use crate::plugins;

/// A provider and what stands in for its API.
pub struct Adapter {
    /// Its id.
    pub plugin: &'static str,
    /// Its settings, given the mock's base URL or the server's address.
    pub settings: fn(&str) -> Pairs,
    /// Its secrets, given the credential.
    pub secrets: fn(&str) -> Pairs,
    /// The credential that is taken.
    pub credential: &'static str,
    /// One that is not.
    pub wrong_credential: &'static str,
    /// The requests that names in one zone cost.
    pub costs: Costs,
    /// What it talks to.
    pub back: Back,
    /// What it has asked mocks, and their answers.
    pub exchanges: Exchanges,
}

/// Names and values.
pub type Pairs = Vec<(&'static str, String)>;

/// How many names are counted for.
pub const NAMES: [usize; 3] = [1, 2, 50];

/// The requests for each of [`NAMES`], each with one value of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Of `present`, where no call came before.
    pub present: [usize; 3],
    /// Of `cleanup` with the state of that.
    pub cleanup: [usize; 3],
}

/// So many requests for each name and so many besides, in `present` and in `cleanup`.
fn costs(present: (usize, usize), cleanup: (usize, usize)) -> Costs {
    let each = |(name, besides)| NAMES.map(|names| name * names + besides);
    Costs { present: each(present), cleanup: each(cleanup) }
}

/// What a provider talks to.
pub enum Back {
    /// A mock of the lab.
    Mock {
        /// The API's rules over zones, for one credential.
        rules: fn(Store, String) -> Rules,
        /// The origins that are fixed in the manifest, with commas between; `None` if a setting names the server.
        origin: Option<&'static str>,
        /// Whether a request writes.
        writes: fn(&Request) -> bool,
    },
    /// A real server with these zones; `None` if it is not installed.
    NameServer(fn(&[Zone]) -> Option<NameServer>),
    /// moto with these zones, behind a mock that hands all on to it; `None` if it is not installed.
    Moto(fn(&[Zone]) -> Option<Moto>),
}

/// A mock's answer to each request.
pub type Rules = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// Whether a request writes, by its method.
pub(super) fn not_get(request: &Request) -> bool {
    request.method != "GET"
}

/// Cloudflare: the zone, the records, and one batch.
pub fn cloudflare() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "cloudflare",
        settings: |_| Vec::new(),
        secrets: |token| vec![("api_token", token.to_owned())],
        credential: "token-of-the-suite",
        wrong_credential: "token-of-another",
        costs: costs((0, 3), (0, 1)),
        back: Back::Mock {
            rules: |store, value| Box::new(api::cloudflare(store, CloudflareToken { value, zones: None })),
            origin: Some("api"),
            writes: not_get,
        },
    }
}

/// Cloudflare with the account's e-mail address and its key.
pub fn cloudflare_by_key() -> Adapter {
    Adapter {
        secrets: |key| vec![("email", api::CLOUDFLARE_EMAIL.to_owned()), ("api_key", key.to_owned())],
        ..cloudflare()
    }
}

/// DNSPod: one read, and one request a value.
pub fn dnspod() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "dnspod",
        settings: |_| vec![("secret_id", api::DNSPOD_KEY_ID.to_owned())],
        secrets: |secret| vec![("secret_key", secret.to_owned())],
        credential: "key-of-the-suite",
        wrong_credential: "key-of-another",
        costs: costs((1, 1), (1, 1)),
        back: Back::Mock {
            rules: |store, secret| Box::new(api::dnspod(store, secret)),
            origin: Some("api"),
            writes: |request| request.body.contains("\"RecordId\":") || request.body.contains("\"Value\":"),
        },
    }
}

/// OVHcloud: the clock, a list a name, a read and a write a value, a refresh.
pub fn ovh() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "ovh",
        settings: |_| vec![("region", "eu".to_owned())],
        secrets: |secret| {
            let key = ("application_key", api::OVH_APPLICATION_KEY.to_owned());
            vec![key, ("application_secret", secret.to_owned()), ("consumer_key", api::OVH_CONSUMER_KEY.to_owned())]
        },
        credential: "secret-of-the-suite",
        wrong_credential: "secret-of-another",
        costs: costs((2, 2), (3, 2)),
        back: Back::Mock {
            rules: |store, secret| Box::new(api::ovh(store, secret)),
            origin: Some("api"),
            writes: |request| request.method != "GET" && !request.path.ends_with("/refresh"),
        },
    }
}

/// OVHcloud with a service account, which logs in where the other asks for the clock.
pub fn ovh_oauth2() -> Adapter {
    Adapter {
        settings: |_| vec![("region", "eu".to_owned()), ("client_id", api::OVH_CLIENT_ID.to_owned())],
        secrets: |secret| vec![("client_secret", secret.to_owned())],
        // The token of the first call does for the second.
        costs: costs((2, 2), (3, 1)),
        back: Back::Mock {
            rules: |store, secret| Box::new(api::ovh(store, secret)),
            origin: Some("api,login"),
            writes: |request| request.method != "GET" && request.path.contains("/record"),
        },
        ..ovh()
    }
}

/// Porkbun: one read, and one request a value.
pub fn porkbun() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "porkbun",
        settings: |_| Vec::new(),
        secrets: |secret| vec![("api_key", api::PORKBUN_KEY.to_owned()), ("secret_api_key", secret.to_owned())],
        credential: "sk1_of_the_suite",
        wrong_credential: "sk1_of_another",
        costs: costs((1, 1), (1, 1)),
        back: Back::Mock {
            rules: |store, secret| Box::new(api::porkbun(store, secret)),
            origin: Some("api"),
            writes: |request| request.path.contains("/dns/create/") || request.path.contains("/dns/delete/"),
        },
    }
}

/// PowerDNS: one read and one write, whatever the number of names.
pub fn powerdns() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "powerdns",
        settings: |url| vec![("server_url", url.to_owned()), ("server", "localhost".to_owned())],
        secrets: |key| vec![("api_key", key.to_owned())],
        credential: "key-of-the-suite",
        wrong_credential: "key-of-another",
        costs: costs((0, 2), (0, 2)),
        back: Back::Mock { rules: |store, key| Box::new(api::powerdns(store, key)), origin: None, writes: not_get },
    }
}

/// Route 53: the zone, one read a name, one write.
pub fn route53() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "route53",
        settings: |_| vec![("access_key_id", api::ROUTE53_KEY_ID.to_owned())],
        secrets: |secret| vec![("secret_access_key", secret.to_owned())],
        credential: "secret/of+the/suite",
        wrong_credential: "secret/of+another",
        costs: Costs { present: [3, 4, 3], cleanup: [2, 3, 2] },
        back: Back::Mock {
            rules: |store, secret| Box::new(api::route53(store, secret)),
            origin: Some("api"),
            writes: not_get,
        },
    }
}

/// Route 53 with a temporary key, whose token each request holds and signs.
pub fn route53_temporary() -> Adapter {
    Adapter {
        settings: |_| vec![("access_key_id", api::ROUTE53_TEMPORARY_ID.to_owned())],
        secrets: |secret| {
            vec![("secret_access_key", secret.to_owned()), ("session_token", api::ROUTE53_TOKEN.to_owned())]
        },
        ..route53()
    }
}

/// Route 53 as moto has it, which looks at no signature.
pub fn route53_moto() -> Adapter {
    Adapter { back: Back::Moto(moto), ..route53() }
}

/// DNS UPDATE against BIND: one message each.
pub fn rfc2136_bind() -> Adapter {
    rfc2136(|zones| bind_zones("hmac-sha256", &zone_files(zones)))
}

/// DNS UPDATE against Knot.
pub fn rfc2136_knot() -> Adapter {
    rfc2136(|zones| knot_zones("hmac-sha256", &zone_files(zones)))
}

fn rfc2136(start: fn(&[Zone]) -> Option<NameServer>) -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "rfc2136",
        settings: |server| {
            let name = ("tsig_key_name", "acmite".to_owned());
            vec![("server", server.to_owned()), name, ("tsig_algorithm", "hmac-sha256".to_owned())]
        },
        secrets: |secret| vec![("tsig_secret", secret.to_owned())],
        credential: TSIG_SECRET,
        wrong_credential: "d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldA==",
        costs: costs((0, 1), (0, 1)),
        back: Back::NameServer(start),
    }
}

/// DigitalOcean: the records, and one request a value.
pub fn digitalocean() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "digitalocean",
        settings: |_| Vec::new(),
        secrets: |token| vec![("token", token.to_owned())],
        credential: "dop_v1_of-the-suite",
        wrong_credential: "dop_v1_of-another",
        costs: costs((1, 1), (1, 1)),
        back: Back::Mock {
            rules: |store, token| Box::new(api::digitalocean(store, token)),
            origin: Some("api"),
            writes: not_get,
        },
    }
}

/// The template: the records, and one request a value.
pub fn quillzone() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: plugins::TEMPLATE,
        settings: |_| Vec::new(),
        secrets: |token| vec![("token", token.to_owned())],
        credential: "token-of-the-suite",
        wrong_credential: "token-of-another",
        costs: costs((1, 1), (1, 1)),
        back: Back::Mock {
            rules: |store, token| Box::new(api::quillzone(store, token)),
            origin: Some("api"),
            writes: not_get,
        },
    }
}

/// Linode: the domains, the records, and one request a value.
pub fn linode() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "linode",
        settings: |_| Vec::new(),
        secrets: |token| vec![("token", token.to_owned())],
        credential: "token-of-the-suite",
        wrong_credential: "token-of-another",
        costs: costs((1, 2), (1, 2)),
        back: Back::Mock {
            rules: |store, token| Box::new(api::linode(store, token)),
            origin: Some("api"),
            writes: not_get,
        },
    }
}

/// Hetzner: the sets, and one request a name.
pub fn hetzner() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "hetzner",
        settings: |_| Vec::new(),
        secrets: |token| vec![("api_token", token.to_owned())],
        credential: "token-of-the-suite",
        wrong_credential: "token-of-another",
        costs: costs((1, 1), (1, 1)),
        back: Back::Mock {
            rules: |store, token| Box::new(api::hetzner(store, token)),
            origin: Some("api"),
            writes: not_get,
        },
    }
}

/// Azure: one token a run, then a read and a write a name.
pub fn azure() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "azure",
        settings: |_| {
            let owned = |(name, value): (&'static str, &str)| (name, value.to_owned());
            let tenant = [("tenant_id", api::AZURE_TENANT), ("client_id", api::AZURE_CLIENT)];
            let zones = [("subscription_id", api::AZURE_SUBSCRIPTION), ("resource_group", api::AZURE_GROUP)];
            let scope = [("scope", "https://management.azure.com/.default")];
            tenant.into_iter().chain(zones).chain(scope).map(owned).collect()
        },
        secrets: |secret| vec![("client_secret", secret.to_owned())],
        credential: "secret~of.the-suite",
        wrong_credential: "secret~of.another",
        costs: costs((2, 1), (2, 0)),
        back: Back::Mock {
            rules: |store, secret| Box::new(api::azure(store, secret)),
            origin: Some("login,api"),
            writes: |request| ["PUT", "PATCH", "DELETE"].contains(&request.method.as_str()),
        },
    }
}

/// Namecheap: one read, one write, and one read that sees what became of it.
pub fn namecheap() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "namecheap",
        settings: |_| {
            let user = ("api_user", api::NAMECHEAP_USER.to_owned());
            vec![user, ("client_ip", api::NAMECHEAP_CLIENT_IP.to_owned())]
        },
        secrets: |key| vec![("api_key", key.to_owned())],
        credential: "key-of-the-suite",
        wrong_credential: "key-of-another",
        costs: costs((0, 3), (0, 3)),
        back: Back::Mock {
            rules: |store, key| Box::new(api::namecheap(store, key)),
            origin: Some("api"),
            writes: not_get,
        },
    }
}

/// DuckDNS: one request a name. Its names are those of duckdns.org with one value each, and it shows none of them, so
/// that it is put through the cases of `slots` in the place of all others.
pub fn duckdns() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "duckdns",
        settings: |_| Vec::new(),
        secrets: |token| vec![("token", token.to_owned())],
        credential: "token-of-the-suite",
        wrong_credential: "token-of-another",
        costs: costs((1, 0), (1, 0)),
        back: Back::Mock {
            rules: |store, token| Box::new(api::duckdns(store, token, &["me", "www", "my"])),
            origin: Some("api"),
            writes: |_| true,
        },
    }
}

/// Google: a token, the zone, one read a name, one change; the token serves the whole run.
pub fn google() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "google",
        settings: |_| {
            let project = ("project", api::GOOGLE_PROJECT.to_owned());
            vec![("client_email", api::GOOGLE_EMAIL.to_owned()), project]
        },
        secrets: |key| vec![("service_account", "{}".to_owned()), ("private_key", key.to_owned())],
        credential: include_str!("keys/google.pem"),
        wrong_credential: include_str!("keys/google-other.pem"),
        costs: Costs { present: [4, 5, 4], cleanup: [2, 3, 2] },
        back: Back::Mock {
            rules: |store, key| Box::new(api::google(store, key)),
            origin: Some("login,api"),
            writes: |request| request.method != "GET" && request.path != "/token",
        },
    }
}

/// INWX: a login, which serves the whole run, one read, and one request a value.
pub fn inwx() -> Adapter {
    Adapter {
        exchanges: Exchanges::default(),
        plugin: "inwx",
        settings: |_| vec![("user", api::INWX_USER.to_owned())],
        secrets: |password| vec![("password", password.to_owned())],
        credential: "password-of-the-suite",
        wrong_credential: "password-of-another",
        costs: costs((1, 2), (1, 1)),
        back: Back::Mock {
            rules: |store, password| Box::new(api::inwx(store, password, InwxFactor::None)),
            origin: Some("login,api"),
            writes: |request| request.body.contains("Record\""),
        },
    }
}

/// INWX with a second factor, whose codes are taken once: a second login within 30 s is refused.
pub fn inwx_second_factor() -> Adapter {
    let plain = inwx();
    let Back::Mock { origin, writes, .. } = plain.back else { return plain };
    let rules: fn(Store, String) -> Rules = |store, password| Box::new(api::inwx(store, password, InwxFactor::Code));
    Adapter {
        secrets: |password| {
            vec![("password", password.to_owned()), ("shared_secret", api::INWX_SHARED_SECRET.to_owned())]
        },
        costs: costs((1, 3), (1, 1)),
        back: Back::Mock { rules, origin, writes },
        ..plain
    }
}

fn zone_files(zones: &[Zone]) -> Vec<(String, Vec<String>)> {
    let line = |(name, kind, value): (String, &str, String)| match kind {
        "TXT" => format!("{name}. IN TXT \"{value}\""),
        kind => format!("{name}. IN {kind} {value}"),
    };
    zones.iter().map(|zone| (zone.name.clone(), zone.foreign().into_iter().map(line).collect())).collect()
}

/// One adapter for each bundled provider, by id.
pub fn bundled() -> [Adapter; 15] {
    [
        azure(),
        cloudflare(),
        digitalocean(),
        dnspod(),
        duckdns(),
        google(),
        hetzner(),
        inwx_second_factor(),
        linode(),
        namecheap(),
        ovh(),
        porkbun(),
        powerdns(),
        rfc2136_bind(),
        route53(),
    ]
}
