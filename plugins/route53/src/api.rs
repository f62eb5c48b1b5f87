//! The requests there are, each signed.

use acmite_sdk::http::{self, Reply, Request};
use acmite_sdk::sign::{self, sigv4};
use acmite_sdk::xml::{self, Element};
use acmite_sdk::{Context, Error, ErrorKind, Txt, error, setting, zone};

use crate::sets::{self, Change, Set};

/// The id of the call's zone: the one that is set, or that of the public zone of this name.
pub(crate) fn zone_id(context: &Context) -> Result<String, Error> {
    let zones = match set_zone(context) {
        Some(id) => vec![checked(ask_zone(context, id)?)?.xml()?.child("HostedZone").cloned().unwrap_or_default()],
        None => {
            let request = http::request("zones").query("dnsname", &context.zone);
            let list = checked(signed(context, "GET", "hostedzonesbyname", request)?.send()?)?.xml()?;
            list.child("HostedZones").map(|zones| zones.children.clone()).unwrap_or_default()
        }
    };
    let is_ours = |listed: &&Element| zone::same(listed.text_of("Name"), &context.zone) && !is_private(listed);
    let found = zones.iter().find(is_ours).ok_or_else(|| no_zone(context))?;
    Ok(found.text_of("Id").trim_start_matches("/hostedzone/").to_owned())
}

fn is_private(listed: &Element) -> bool {
    listed.at(&["Config", "PrivateZone"]).is_some_and(|private| private.text == "true")
}

fn no_zone(context: &Context) -> Error {
    error(ErrorKind::ZoneNotFound, format!("the account has no public hosted zone {}", context.zone))
        .with_hint("check the account, and hosted_zone_id if it is set; a private zone does not answer the CA")
}

/// Whether the key may ask for zones at all.
pub(crate) fn any_zone(context: &Context) -> Result<(), Error> {
    let reply = match set_zone(context) {
        Some(id) => ask_zone(context, id)?,
        None => signed(context, "GET", "hostedzonesbyname", http::request("zones"))?.send()?,
    };
    checked(reply).map(|_| ())
}

fn set_zone(context: &Context) -> Option<&str> {
    setting(context, "hosted_zone_id").filter(|id| !id.is_empty())
}

fn ask_zone(context: &Context, id: &str) -> Result<Reply, Error> {
    signed(context, "GET", &format!("hostedzone/{id}"), http::request("zone").path("zone", id))?.send()
}

/// The TXT sets that there are at the records' names.
pub(crate) fn sets(context: &Context, zone: &str, records: &[Txt]) -> Result<Vec<Set>, Error> {
    let names: Vec<String> = sets::by_name(records).into_keys().map(|name| format!("{name}.")).collect();
    if names.len() >= LISTED_FROM_NAMES
        && let Some(sets) = listed(context, zone, &names)?
    {
        return Ok(sets);
    }
    let request = |name: &String| {
        let request = http::request("set").path("zone", zone).query("maxitems", "1").query("name", name);
        signed(context, "GET", &format!("hostedzone/{zone}/rrset"), request.query("type", "TXT"))
    };
    let replies = http::send_all(names.iter().map(request).collect::<Result<_, _>>()?);
    let sets = names.iter().zip(replies).map(|(name, reply)| set(name, &checked(reply?)?.xml()?));
    sets.filter_map(Result::transpose).collect()
}

/// Fewer names are asked for one by one, all at the same time.
const LISTED_FROM_NAMES: usize = 3;

/// The sets at these names as a list of the whole zone shows them; `None` if the zone has more than one page, of at
/// most 300 sets: pages may differ in the changes they show ("ListResourceRecordSets" in the API reference).
fn listed(context: &Context, zone: &str, names: &[String]) -> Result<Option<Vec<Set>>, Error> {
    let request = http::request("sets").path("zone", zone).query("maxitems", "300");
    let page = checked(signed(context, "GET", &format!("hostedzone/{zone}/rrset"), request)?.send()?)?.xml()?;
    if page.text_of("IsTruncated") != "false" {
        return Ok(None);
    }
    names.iter().map(|name| set(name, &page)).filter_map(Result::transpose).collect::<Result<_, _>>().map(Some)
}

/// The set at this name, if the reply shows it; it may show others.
fn set(name: &str, reply: &Element) -> Result<Option<Set>, Error> {
    let is_it = |set: &&Element| zone::same(set.text_of("Name"), name) && set.text_of("Type") == "TXT";
    let mut all = reply.child("ResourceRecordSets").into_iter().flat_map(|sets| sets.all("ResourceRecordSet"));
    let Some(shown) = all.find(is_it) else { return Ok(None) };
    if shown.child("SetIdentifier").is_some() {
        return Err(error(ErrorKind::Unsupported, format!("the TXT records at {name} have a routing policy"))
            .with_hint("give the name simple records, or delegate it to another zone by CNAME"));
    }
    let records = shown.child("ResourceRecords").into_iter().flat_map(|records| records.all("ResourceRecord"));
    let values = records.map(|record| record.text_of("Value").to_owned()).collect();
    Ok(Some(Set { name: name.to_owned(), ttl: shown.text_of("TTL").to_owned(), values }))
}

/// Makes the changes, in one batch unless there are very many; the ids by which their state is asked.
pub(crate) fn change(context: &Context, zone: &str, changes: &[Change]) -> Result<Vec<String>, Error> {
    let send = |batch: &[Change]| {
        let request = http::request("change").path("zone", zone).body(sets::body(batch));
        let reply = signed(context, "POST", &format!("hostedzone/{zone}/rrset"), request)?.send()?;
        let reply = checked(reply)?.xml()?;
        Ok(change_info(&reply).text_of("Id").trim_start_matches("/change/").to_owned())
    };
    sets::batches(changes).into_iter().map(send).collect()
}

/// Whether all changes are on all of Route 53's name servers.
pub(crate) fn all_in_sync(context: &Context, changes: &[String]) -> Result<bool, Error> {
    for id in changes {
        let request = http::request("status").path("change", id);
        let reply = checked(signed(context, "GET", &format!("change/{id}"), request)?.send()?)?.xml()?;
        if change_info(&reply).text_of("Status") != "INSYNC" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn change_info(reply: &Element) -> Element {
    reply.child("ChangeInfo").cloned().unwrap_or_default()
}

/// Route 53 has no regions and signs as us-east-1 ("Amazon Route 53 endpoints", AWS General Reference).
fn signed(context: &Context, method: &str, path: &str, request: Request) -> Result<Request, Error> {
    let signer = sigv4::Signer {
        access_key_id: setting(context, "access_key_id").unwrap_or_default(),
        secret_access_key: "secret_access_key",
        session_token: Some("session_token"),
        region: "us-east-1",
        service: "route53",
        now: context.now,
    };
    signer.sign(request, method, sign::host(context, "api"), &format!("/2013-04-01/{path}"))
}

fn checked(reply: Reply) -> Result<Reply, Error> {
    reply.ok_or(|reply, error| match xml::parse(&reply.text()).and_then(|root| root.child("Error").cloned()) {
        None => error,
        Some(told) => refined(told.text_of("Code"), told.text_of("Message"), error),
    })
}

/// AWS tells wrong keys with status 403 and its limits with 400; the code says which it is ("Common Error Types" in the
/// API reference).
fn refined(code: &str, message: &str, error: Error) -> Error {
    let error = error.with_message(message).with_code(code);
    match code {
        "InvalidClientTokenId" | "SignatureDoesNotMatch" | "IncompleteSignature" | "ExpiredToken" | "OptInRequired" => {
            error.of_kind(ErrorKind::Denied).with_hint("check access_key_id and secret_access_key, and the clock")
        }
        "RequestExpired" => error.of_kind(ErrorKind::Denied).with_hint("set this machine's clock"),
        "AccessDenied" | "AccessDeniedException" => {
            error.of_kind(ErrorKind::Forbidden).with_hint("the key's policy lacks what the message names")
        }
        "Throttling" | "ThrottlingException" => error.of_kind(ErrorKind::RateLimited),
        // The set is no longer what was read, or an earlier change of the zone is still being made.
        "InvalidChangeBatch" | "PriorRequestNotComplete" => error.of_kind(ErrorKind::Conflict),
        _ => error,
    }
}
