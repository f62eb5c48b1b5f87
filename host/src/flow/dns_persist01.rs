//! dns-persist-01: a TXT record is published once and stays, and proves the name at every renewal
//! (draft-ietf-acme-dns-persist, as Pebble 2.10.1 has it).

use futures_util::future::join_all;

use super::method::{Method, Methods};
use super::proof::{AnswerError, ChoiceError, Chosen, answer, choose, give_up};
use super::publish::{Batch, Dns01Options, PlanError, Publisher, Wanted, ZoneFailure, plan};
use super::session::Session;
use crate::acme::{AccountHandle, AcmeError, OrderOptions};
use crate::causes::chain;
use crate::name::{CertName, DnsName, Host};

/// What lasting records are made with.
#[derive(Clone, Debug)]
pub struct PersistRequest {
    /// The names; with `*.NAME`, the record at NAME allows wildcards too.
    pub names: Vec<CertName>,
    /// Until when the record allows it, Unix time.
    pub until: Option<i64>,
    /// How to publish and wait.
    pub dns: Dns01Options,
    /// One of the CA's profiles, where it asks for one.
    pub profile: Option<String>,
}

/// A record that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistRecord {
    /// Its name, before CNAMEs.
    pub name: DnsName,
    /// Its value.
    pub value: String,
}

/// Publishes the records that let `account` prove the names from now on, and leaves them there.
pub async fn persist(
    session: &Session<'_>,
    account: &AccountHandle,
    request: &PersistRequest,
) -> Result<Vec<PersistRecord>, PersistError> {
    let wanted = records(account, request).await?;
    let batches = plan(session, &wanted).await?;
    let published = batches.iter().map(|batch| publish(session, &request.dns, batch));
    let failures: Vec<ZoneFailure> = join_all(published).await.into_iter().filter_map(Result::err).collect();
    if !failures.is_empty() {
        return Err(PersistError::Zones { failures });
    }
    let shown = |one: Wanted| {
        let name = one.name.child(&one.label).expect("it was asked for in DNS");
        PersistRecord { name, value: one.value }
    };
    Ok(wanted.into_iter().map(shown).collect())
}

/// A crash on the way leaves an entry in the journal, and the record is removed again.
async fn publish(session: &Session<'_>, options: &Dns01Options, batch: &Batch) -> Result<(), ZoneFailure> {
    let publisher = Publisher { session, options, certificate: "", batch };
    let mut entry = publisher.begin().map_err(|fault| publisher.failure(fault))?;
    match publisher.publish_and_wait(&mut entry).await {
        Ok(()) => entry.finish().map_err(|error| publisher.failure(error.into())),
        Err(fault) => {
            publisher.withdraw(entry).await;
            Err(publisher.failure(fault))
        }
    }
}

/// Asks the CA, by an order that is given up again, what it calls itself in such records.
async fn records(account: &AccountHandle, request: &PersistRequest) -> Result<Vec<Wanted>, PersistError> {
    // Else a CA could have another's account named, one of its own choice, in a record that this other CA believes.
    if !account.is_at_home() || account.url().contains(';') {
        return Err(PersistError::AccountElsewhere { url: account.url().to_owned() });
    }
    let options = OrderOptions { profile: request.profile.clone(), ..OrderOptions::default() };
    let order = account.new_order(&request.names, options).await.map_err(PersistError::Ca)?;
    let authorizations = account.authorizations(&order).await.map_err(PersistError::Ca)?;
    let methods = Methods { by_name: Vec::new(), general: vec![Method::DnsPersist01] };
    let chosen = choose(&authorizations, &request.names, &methods).map_err(PersistError::from);
    let made = chosen.and_then(|chosen| merged(account, &chosen, request.until));
    give_up(account, &authorizations).await;
    made
}

/// One record a name, for wildcards too if one of its authorizations is.
fn merged(account: &AccountHandle, chosen: &[Chosen<'_>], until: Option<i64>) -> Result<Vec<Wanted>, PersistError> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for proof in chosen {
        let Host::Dns(name) = proof.host() else { continue };
        let wildcard = chosen.iter().any(|other| other.host() == proof.host() && other.authorization.wildcard);
        let issuer = proof.challenge.issuer_domain_names.first();
        let issuer = issuer.ok_or_else(|| PersistError::NoIssuer { name: name.clone() })?;
        let issuer: DnsName =
            issuer.parse().map_err(|_| PersistError::IssuerNotAName { issuer: issuer.chars().take(64).collect() })?;
        let value = value(issuer.as_str(), account.url(), wildcard, until);
        if !wanted.iter().any(|other| other.name == *name) {
            wanted.push(Wanted { name: name.clone(), label: LABEL.to_owned(), value });
        }
    }
    Ok(wanted)
}

const LABEL: &str = "_validation-persist";

/// An issue-value as in CAA records (RFC 8659 section 4.2).
fn value(issuer: &str, account_url: &str, wildcard: bool, until: Option<i64>) -> String {
    let policy = if wildcard { "; policy=wildcard" } else { "" };
    let until = until.map(|until| format!("; persistUntil={until}")).unwrap_or_default();
    format!("{issuer}; accounturi={account_url}{policy}{until}")
}

/// Proves names by records that are there already: nothing is published.
pub(super) async fn prove(
    session: &Session<'_>,
    account: &AccountHandle,
    proofs: &[Chosen<'_>],
) -> Result<(), PersistProofError> {
    tokio::select! {
        answered = answer(session, account, None, proofs) => Ok(answered?),
        () = session.cancel.requested() => Err(PersistProofError::Interrupted),
    }
}

/// Why names were not proven by lasting records.
#[derive(Debug, thiserror::Error)]
pub enum PersistProofError {
    /// The CA did not see them.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

/// Why lasting records were not published.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// The CA did not say what the record must hold.
    #[error("the CA did not say what the record must hold")]
    Ca(#[source] AcmeError),
    /// The CA does not offer it, or it cannot prove a name.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The challenge lacks the CA's name.
    #[error("the CA does not say what it calls itself in the record for {name}; report it to the CA")]
    NoIssuer {
        /// The name.
        name: DnsName,
    },
    /// What it calls itself would say something else in the record.
    #[error("the CA calls itself {issuer:?}, which is no name, so nothing is published; report it to the CA")]
    IssuerNotAName {
        /// As the CA sent it, or its begin.
        issuer: String,
    },
    /// The account is not one of this CA.
    #[error("the account {url} is not at the CA's own host, so no lasting record names it; report it to the CA")]
    AccountElsewhere {
        /// The account.
        url: String,
    },
    /// It is not known what to publish where.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// In some zones it failed.
    #[error("{}", .failures.iter().map(|failure| chain(failure)).collect::<Vec<_>>().join("\n"))]
    Zones {
        /// One for each of them.
        failures: Vec<ZoneFailure>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_names_the_ca_the_account_and_what_else_is_allowed() {
        let plain = "ca.example; accounturi=https://ca.example/acct/1";
        assert_eq!(value("ca.example", "https://ca.example/acct/1", false, None), plain);
        let more = value("ca.example", "https://ca.example/acct/1", true, Some(1_800_000_000));
        assert_eq!(more, format!("{plain}; policy=wildcard; persistUntil=1800000000"));
    }
}
