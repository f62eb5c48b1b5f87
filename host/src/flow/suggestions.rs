//! Asking CAs when they suggest to renew (RFC 9773), each no more often than it wishes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::StreamExt as _;
use futures_util::stream;
use time::OffsetDateTime;

use super::clients::Clients;
use super::due;
use super::standing::Standing;
use crate::acme::AcmeClient;
use crate::store::renewal_state::Suggestion;

/// Asks for those that are to be asked for, and notes the answers in their states. A CA that gives none is asked later;
/// what it suggested before stays.
pub(super) async fn refresh(
    standings: &mut [Standing],
    clients: &Clients,
    ca_bundle: Option<&PathBuf>,
    now: OffsetDateTime,
) {
    let mut by_server: BTreeMap<(String, Option<PathBuf>), Vec<&mut Standing>> = BTreeMap::new();
    for standing in standings.iter_mut().filter(|standing| standing.asks(now)) {
        let Some(renewal) = &standing.renewal else { continue };
        let bundle = ca_bundle.or(renewal.ca_bundle.as_ref()).cloned();
        by_server.entry((renewal.server.to_string(), bundle)).or_default().push(standing);
    }
    for ((_, bundle), group) in by_server {
        let Some(server) = group.first().and_then(|one| one.renewal.as_ref()).map(|one| one.server.clone()) else {
            continue;
        };
        match clients.connect(&server, bundle.as_deref()).await {
            Ok(client) => {
                let client = &client;
                stream::iter(group).for_each_concurrent(AT_ONCE, |one| ask(client, one, now)).await;
            }
            Err(error) => {
                tracing::warn!(%server, error = crate::causes::chain(&error), "no renewal information");
                group.into_iter().for_each(|one| one.state.ask_again = Some(due::ask_again(now, None)));
            }
        }
    }
}

const AT_ONCE: usize = 16;

async fn ask(client: &AcmeClient, standing: &mut Standing, now: OffsetDateTime) {
    let Some(id) = standing.leaf.as_ref().and_then(|leaf| leaf.renewal_id.clone()) else { return };
    let retry_after = match client.renewal_info(&id).await {
        Ok(Some(info)) => {
            let (start, end, explanation_url) = (info.start, info.end, info.explanation_url);
            standing.state.suggestion = Some(Suggestion { id, start, end, explanation_url });
            info.retry_after
        }
        Ok(None) => {
            standing.state.suggestion = None;
            Some(due::LATEST_ASKING)
        }
        Err(error) => {
            let name = &standing.name;
            tracing::info!(name, error = crate::causes::chain(&error), "no renewal information");
            None
        }
    };
    standing.state.ask_again = Some(due::ask_again(now, retry_after));
}
