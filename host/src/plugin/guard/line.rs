//! The request line, headers and injections: only what the manifest lists.

use std::collections::BTreeMap;

use crate::plugin::guard::Guard;
use crate::plugin::manifest::{Endpoint, Fill, Segment, Sink, SinkPlace};
use crate::plugin::template::{Piece, Template};
use crate::plugin::wire::{GuestRequest, UNRESERVED};

pub(super) fn variables(request: &GuestRequest, endpoint: &Endpoint) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::new();
    for (name, value) in &request.path {
        if !endpoint.path.contains(&Segment::Variable(name.clone())) {
            return Err(format!("the path has no variable {name:?}"));
        }
        if !is_segment(value) {
            return Err(format!("the path variable {name:?} is not one plain segment"));
        }
        if variables.insert(name.clone(), value.clone()).is_some() {
            return Err(format!("the path variable {name:?} is given twice"));
        }
    }
    Ok(variables)
}

fn is_segment(value: &str) -> bool {
    !matches!(value, "" | "." | "..") && !value.chars().any(|c| c == '/' || c == '\\' || c.is_control())
}

pub(super) fn check_injections(request: &GuestRequest, sinks: &[Sink]) -> Result<(), String> {
    for (index, (place, _)) in request.inject.iter().enumerate() {
        let sink = sinks.iter().find(|sink| sink.text.eq_ignore_ascii_case(place));
        match sink.map(|sink| &sink.fill) {
            None => return Err(format!("{place} is not a sink of this endpoint; add it to `secrets`")),
            Some(Fill::Template(_)) => return Err(format!("{place} is filled by the manifest's own template")),
            Some(Fill::Classes(_)) => {}
        }
        if request.inject[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(place)) {
            return Err(format!("{place} is injected twice"));
        }
    }
    Ok(())
}

impl Guard {
    pub(super) fn path(&self, endpoint: &Endpoint, variables: &BTreeMap<String, String>) -> Result<String, String> {
        let mut path = String::new();
        for segment in &endpoint.path {
            let text = match segment {
                Segment::Literal(text) => text,
                Segment::Variable(name) => {
                    variables.get(name).ok_or_else(|| format!("the path variable {name:?} is missing"))?
                }
                Segment::Setting(name) => {
                    let value = self.settings.get(name).filter(|value| is_segment(value));
                    value.ok_or_else(|| format!("the setting {name:?} is missing or not one plain segment"))?
                }
            };
            path.push('/');
            path.extend(percent_encoding::utf8_percent_encode(text, UNRESERVED));
        }
        Ok(path)
    }

    pub(super) fn query(&self, request: &GuestRequest, endpoint: &Endpoint) -> Result<Vec<(String, String)>, String> {
        let mut query: Vec<(String, String)> = Vec::new();
        for (name, value) in &request.query {
            let Some((_, fixed)) = endpoint.query.iter().find(|(allowed, _)| allowed == name) else {
                return Err(format!("the query key {name:?} is not listed; add it to `query`"));
            };
            if query.iter().any(|(other, _)| other == name) {
                return Err(format!("the query key {name:?} is given twice"));
            }
            self.check_fixed(&format!("the query key {name:?}"), fixed.as_ref(), value)?;
            query.push((name.clone(), value.clone()));
        }
        self.add_fixed(&endpoint.query, &mut query)?;
        Ok(query)
    }

    pub(super) fn headers(
        &self,
        request: &GuestRequest,
        endpoint: &Endpoint,
        sinks: &[Sink],
    ) -> Result<Vec<(String, String)>, String> {
        let origin = self.manifest.origins.get(&endpoint.origin).map_or(&[][..], |origin| &origin.headers);
        let own = |name: &String| endpoint.headers.iter().any(|(other, _)| other == name);
        let allowed: Vec<_> =
            endpoint.headers.iter().chain(origin.iter().filter(|(name, _)| !own(name))).cloned().collect();
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in &request.headers {
            let name = name.to_ascii_lowercase();
            let Some((_, fixed)) = allowed.iter().find(|(allowed, _)| *allowed == name) else {
                return Err(format!("the header {name:?} is not listed; add it to `headers`"));
            };
            let is_filled = sinks.iter().any(|sink| sink.place == SinkPlace::Header(name.clone()));
            if is_filled || headers.iter().any(|(other, _)| *other == name) {
                return Err(format!("the header {name:?} is given twice, or filled by the host"));
            }
            if value.contains(|c: char| c.is_control() && c != '\t') {
                return Err(format!("the value of header {name} is not valid"));
            }
            self.check_fixed(&format!("the header {name:?}"), fixed.as_ref(), value)?;
            headers.push((name, value.clone()));
        }
        self.add_fixed(&allowed, &mut headers)?;
        Ok(headers)
    }

    fn check_fixed(&self, what: &str, fixed: Option<&Template>, value: &str) -> Result<(), String> {
        match fixed.is_some_and(|fixed| self.fixed(fixed).as_deref() != Some(value)) {
            true => Err(format!("{what} has another value than the manifest fixes")),
            false => Ok(()),
        }
    }

    /// What the manifest fixes and the guest did not write is added by the host.
    fn add_fixed(&self, rules: &[(String, Option<Template>)], pairs: &mut Vec<(String, String)>) -> Result<(), String> {
        for (name, fixed) in rules.iter().filter_map(|(name, fixed)| Some((name, fixed.as_ref()?))) {
            if !pairs.iter().any(|(other, _)| other == name) {
                let value = self.fixed(fixed).ok_or_else(|| format!("{name:?} lacks its setting"))?;
                pairs.push((name.clone(), value));
            }
        }
        Ok(())
    }

    /// The text that the manifest fixes, with the user's settings.
    pub(super) fn fixed(&self, template: &Template) -> Option<String> {
        let lookup = |piece: &Piece| match piece {
            Piece::Setting(name) => self.settings.get(name).cloned().into_iter().collect(),
            _ => Vec::new(),
        };
        if template.0.is_empty() { Some(String::new()) } else { template.render(&lookup).into_iter().next() }
    }
}
