//! certbot-dns-azure's lines `dns_azure_zoneN`: where in Azure each zone is.

use crate::name::DnsName;

/// One line: "example.com:/subscriptions/ID/resourceGroups/NAME".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureZone {
    /// The zone, and all below it that has no line of its own.
    name: DnsName,
    /// The subscription's id.
    pub subscription: String,
    /// The resource group's name.
    pub group: String,
}

impl AzureZone {
    /// Reads lines. What follows the group (`/providers/Microsoft.Network/dnszones/ZONE`) names the zone that records
    /// are made in, by a CNAME from the name in front; since acmite follows CNAMEs itself, that zone is what counts.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, AzureZoneError> {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self, AzureZoneError> {
        let wrong = || AzureZoneError { line: line.to_owned() };
        let (name, id) = line.split_once(':').ok_or_else(wrong)?;
        let parts: Vec<&str> = id.trim().split('/').collect();
        let is = |at: usize, word: &str| parts.get(at).is_some_and(|part| part.eq_ignore_ascii_case(word));
        let value = |at: usize| parts.get(at).filter(|part| !part.is_empty()).map(|part| (*part).to_owned());
        if !is(0, "") || !is(1, "subscriptions") || !is(3, "resourceGroups") {
            return Err(wrong());
        }
        let held = parts.get(8).filter(|_| is(6, "Microsoft.Network") && is(7, "dnsZones"));
        let name = DnsName::parse(held.copied().unwrap_or_else(|| name.trim())).map_err(|_| wrong())?;
        Ok(Self { name, subscription: value(2).ok_or_else(wrong)?, group: value(4).ok_or_else(wrong)? })
    }

    /// The line for a zone: the longest that it is within; the first where no zone is asked for.
    pub fn of<'a>(lines: &'a [Self], zone: Option<&DnsName>) -> Option<&'a Self> {
        let Some(zone) = zone else { return lines.first() };
        lines.iter().filter(|line| zone.is_within(&line.name)).max_by_key(|line| line.name.as_str().len())
    }
}

/// A line that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} is no zone's line; write it as example.com:/subscriptions/ID/resourceGroups/NAME")]
pub struct AzureZoneError {
    /// As it stands there.
    pub line: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_line_that_holds_a_zone_says_where_it_is() {
        let text = "example.com:/subscriptions/s1/resourceGroups/g1\n\
                    sub.example.com:/subscriptions/s2/resourcegroups/g2\n\
                    test.foo.com:/subscriptions/s3/resourceGroups/g3/providers/Microsoft.Network/dnszones/bar.com/TXT/x\n";
        let lines = AzureZone::parse_all(text).expect("lines");
        let group = |zone: Option<&str>| {
            let zone = zone.map(|zone| DnsName::parse(zone).expect("a name"));
            AzureZone::of(&lines, zone.as_ref()).map(|line| line.group.as_str())
        };
        assert_eq!(group(Some("example.com")), Some("g1"));
        assert_eq!(group(Some("a.sub.example.com")), Some("g2"));
        assert_eq!(group(Some("bar.com")), Some("g3"));
        assert_eq!(group(Some("foo.com")), None);
        assert_eq!(group(Some("notexample.com")), None);
        assert_eq!(group(None), Some("g1"));
    }

    #[test]
    fn a_line_of_another_form_is_told() {
        for line in [
            "example.com",
            "example.com:/subscriptions/s",
            "example.com:s/g",
            "ex ample:/subscriptions/s/resourceGroups/g",
        ] {
            assert!(AzureZone::parse_all(line).is_err(), "{line}");
        }
    }
}
