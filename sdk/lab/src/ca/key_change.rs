//! Account key rollover (RFC 8555 section 7.3.5).

use http::header::LOCATION;

use super::account;
use super::jws::{Jwk, Jws};
use super::problem::Problem;
use super::state::{Answer, Shared, Signed};

pub(super) fn change(ca: &Shared, signed: &Signed) -> Result<Answer, Problem> {
    let id = signed.account()?;
    let inner = Jws::from_value(signed.payload()?)?;
    let header = inner.header()?;
    let jwk = header.jwk.as_ref().ok_or_else(|| Problem::malformed("the inner JWS has no jwk"))?;
    if header.nonce.is_some() || header.kid.is_some() {
        return Err(Problem::malformed("the inner JWS has neither nonce nor kid"));
    }
    if header.url.as_deref() != Some(&signed.url) {
        return Err(Problem::malformed("the inner JWS has another url than the outer"));
    }
    let new_key = Jwk::parse(jwk)?;
    inner.verify(&header.alg, &new_key)?;
    let claim = inner.payload()?.unwrap_or_default();
    if claim["account"].as_str().and_then(|url| ca.id_of("account", url)) != Some(id) {
        return Err(Problem::malformed("account of the inner JWS is not the kid of the outer"));
    }
    if Jwk::parse(&claim["oldKey"])? != signed.key {
        return Err(Problem::malformed("oldKey of the inner JWS is not the account's key"));
    }
    let mut state = ca.state();
    if let Some(other) = account::by_key(&state, &new_key) {
        let mut problem = Problem::new(409, "malformed", "another account has this key");
        problem.headers.push((LOCATION, ca.url(&format!("account/{other}"))));
        return Err(problem);
    }
    let account = state.accounts.get_mut(id).ok_or_else(|| Problem::not_found("account"))?;
    account.key = new_key;
    Ok(Answer::json(200, account.json(ca, id)))
}
