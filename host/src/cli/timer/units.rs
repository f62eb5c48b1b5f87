//! The texts that make a machine renew by itself.

use std::path::Path;

/// What the texts are made with.
pub(super) struct Installation<'a> {
    pub(super) program: &'a Path,
    pub(super) state_dir: &'a Path,
    /// `PLUGIN:FILE`, handed to the service by systemd.
    pub(super) credentials: &'a [String],
}

/// Name and text of the service and its timer.
pub(super) fn systemd(installation: &Installation<'_>) -> [(&'static str, String); 2] {
    [("acmite-renew.service", service(installation)), ("acmite-renew.timer", TIMER.to_owned())]
}

fn service(installation: &Installation<'_>) -> String {
    let [program, state_dir] = [installation.program, installation.state_dir].map(quoted_for_systemd);
    let credentials: String =
        installation.credentials.iter().map(|one| format!("LoadCredential={}\n", one.replace('%', "%%"))).collect();
    SERVICE.replace("{program}", &program).replace("{state_dir}", &state_dir).replace("{credentials}", &credentials)
}

/// systemd.syntax(7): quotes, backslashes and percent signs mean something.
fn quoted_for_systemd(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{text}\"")
}

/// MemoryDenyWriteExecute is left out, as providers are compiled on this machine when they are first used.
const SERVICE: &str = "[Unit]
Description=Renew TLS certificates that are due
Documentation=https://github.com/acmite/acmite
Wants=network-online.target
After=network-online.target nss-lookup.target

[Service]
Type=oneshot
ExecStart={program} --state-dir {state_dir} renew --random-delay
{credentials}# Hooks run in this sandbox too. What they write elsewhere belongs in a drop-in (systemctl edit acmite-renew):
# ReadWritePaths=/etc/haproxy/certs
ReadWritePaths={state_dir}
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_NET_BIND_SERVICE
LockPersonality=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
";

/// The random delay is acmite's own, `--random-delay`.
const TIMER: &str = "[Unit]
Description=Renew TLS certificates twice a day

[Timer]
OnCalendar=*-*-* 00,12:00:00
Persistent=true

[Install]
WantedBy=timers.target
";

/// A file for /etc/cron.d.
pub(super) fn cron(installation: &Installation<'_>) -> Option<String> {
    // In a crontab a percent sign is the end of the command.
    let quoted = |path: &Path| Some(shlex::try_quote(path.to_str()?).ok()?.replace('%', "\\%"));
    let (program, state_dir) = (quoted(installation.program)?, quoted(installation.state_dir)?);
    Some(format!(
        "# Renew TLS certificates that are due, twice a day.\n\
         7 0,12 * * * root {program} --state-dir {state_dir} --quiet renew --random-delay\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_those_who_read_them() {
        let credentials = ["cloudflare:/etc/acmite/cloudflare.toml".to_owned()];
        let installation = Installation {
            program: Path::new("/opt/my tools/acmite"),
            state_dir: Path::new("/srv/100%"),
            credentials: &credentials,
        };
        let [(_, service), _] = systemd(&installation);
        let start = "ExecStart=\"/opt/my tools/acmite\" --state-dir \"/srv/100%%\" renew --random-delay\n";
        assert!(service.contains(start), "{service}");
        assert!(service.contains("\nLoadCredential=cloudflare:/etc/acmite/cloudflare.toml\n"), "{service}");
        assert!(!service.contains('{'), "{service}");
        let cron = cron(&installation).expect("text");
        assert!(cron.contains("root '/opt/my tools/acmite' --state-dir '/srv/100\\%'"), "{cron}");
    }
}
