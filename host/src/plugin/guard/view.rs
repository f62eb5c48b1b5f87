//! A request as the manifest's templates look into it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plugin::guard::Guard;
use crate::plugin::manifest::{Covers, Endpoint};
use crate::plugin::template::{Piece, Template};
use crate::plugin::tree::{self, Node, Row};

/// A request, and the call it belongs to.
pub(super) struct RequestView<'a> {
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) query: &'a [(String, String)],
    pub(super) headers: &'a [(String, String)],
    pub(super) body: Option<&'a Node>,
    pub(super) guard: &'a Guard,
}

/// Where a fact was read and a change is made: under the same origin, zone and path variables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) origin: String,
    /// The zone as the request spelled it; `None` where it names none.
    pub(super) zone: Option<String>,
    /// Those of the path that do not name the zone.
    pub(super) variables: BTreeMap<String, String>,
    /// Those of them that say which set is shown; the fact itself holds its name.
    pub(super) naming: BTreeSet<String>,
}

impl RequestView<'_> {
    /// The texts of a template; `row` is what `{/a}` looks into.
    pub(super) fn texts(&self, template: &Template, row: Option<&Row<'_>>) -> Vec<String> {
        template.render(&|piece| self.lookup(piece, row))
    }

    fn lookup(&self, piece: &Piece, row: Option<&Row<'_>>) -> Vec<String> {
        let number = row.and_then(|row| row.number.as_deref());
        let found = |node: &Node, path: &str| {
            tree::select(node, &tree::numbered(path, number)).into_iter().filter_map(Node::text).collect()
        };
        match piece {
            Piece::Path(name) => self.variables.get(name).cloned().into_iter().collect(),
            Piece::Query(name) => values(self.query, name),
            Piece::Header(name) => values(self.headers, name),
            Piece::Body(path) => self.body.map(|body| found(body, path)).unwrap_or_default(),
            Piece::Row(path) => row.map(|row| found(row.node, path)).unwrap_or_default(),
            Piece::Zone => self.guard.scope.zone.iter().map(ToString::to_string).collect(),
            Piece::Setting(name) => self.guard.settings.get(name).cloned().into_iter().collect(),
            Piece::Literal(_) | Piece::Stripped(..) | Piece::Name => Vec::new(),
        }
    }

    /// Where the request reads or writes.
    pub(super) fn place(&self, endpoint: &Endpoint) -> Place {
        let of_zone: BTreeSet<&str> = endpoint.zone.iter().flat_map(path_variables).collect();
        let variables = self.variables.iter().filter(|(name, _)| !of_zone.contains(name.as_str()));
        let covered = endpoint.covers.as_ref().and_then(Covers::name);
        Place {
            origin: endpoint.origin.clone(),
            zone: endpoint.zone.as_ref().and_then(|zone| self.texts(zone, None).into_iter().next()),
            variables: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
            naming: covered.into_iter().flat_map(path_variables).map(str::to_owned).collect(),
        }
    }
}

fn values(pairs: &[(String, String)], name: &str) -> Vec<String> {
    pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
}

fn path_variables(template: &Template) -> impl Iterator<Item = &str> {
    template.places().filter_map(|piece| if let Piece::Path(name) = piece { Some(name.as_str()) } else { None })
}

impl Place {
    /// Whether a set read here is the one that a request there writes.
    pub(super) fn is_of(&self, request: &Self) -> bool {
        let same = |(name, value): (&String, &String)| match request.variables.get(name) {
            Some(other) => other == value,
            None => self.naming.contains(name),
        };
        self.origin == request.origin && self.zone == request.zone && self.variables.iter().all(same)
    }

    /// Whether a record shown here may be named by its id there: what both name must be the same.
    pub(super) fn shows_ids_to(&self, request: &Self) -> bool {
        let same = |(name, value): (&String, &String)| request.variables.get(name).is_none_or(|other| other == value);
        self.origin == request.origin
            && (request.zone.is_none() || self.zone == request.zone)
            && self.variables.iter().all(same)
    }
}
