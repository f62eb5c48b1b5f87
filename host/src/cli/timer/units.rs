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
    [(RENEWAL, filled(SERVICE, installation)), (RENEWAL_TIMER, TIMER.to_owned())]
}

/// Name and text of the service that goes on.
pub(super) fn daemon(installation: &Installation<'_>) -> (&'static str, String) {
    (DAEMON_NAME, filled(DAEMON, installation))
}

const RENEWAL: &str = "acmite-renew.service";
pub(super) const RENEWAL_TIMER: &str = "acmite-renew.timer";
pub(super) const DAEMON_NAME: &str = "acmite.service";

fn filled(unit: &str, installation: &Installation<'_>) -> String {
    let [program, state_dir] = [installation.program, installation.state_dir].map(quoted_for_systemd);
    let credentials: String =
        installation.credentials.iter().map(|one| format!("LoadCredential={}\n", one.replace('%', "%%"))).collect();
    let unit = unit.replace("{sandbox}", SANDBOX).replace("{program}", &program);
    unit.replace("{state_dir}", &state_dir).replace("{credentials}", &credentials)
}

/// systemd.syntax(7): quotes, backslashes and percent signs mean something.
fn quoted_for_systemd(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{text}\"")
}

/// A run that ends, for the timer.
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
{sandbox}";

/// One that goes on; Type=notify-reload would need systemd 253.
const DAEMON: &str = "[Unit]
Description=Keep TLS certificates as described and renewed
Documentation=https://github.com/acmite/acmite
Wants=network-online.target
After=network-online.target nss-lookup.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} --state-dir {state_dir} run
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=30
TimeoutStopSec=90
WatchdogSec=120
{credentials}# Hooks run in this sandbox too. What they write elsewhere belongs in a drop-in (systemctl edit acmite):
# ReadWritePaths=/etc/haproxy/certs
{sandbox}
[Install]
WantedBy=multi-user.target
";

/// MemoryDenyWriteExecute is left out, as providers are compiled on this machine when they are first used.
const SANDBOX: &str = "ReadWritePaths={state_dir}
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
        let (_, daemon) = daemon(&installation);
        assert!(daemon.contains("ExecStart=\"/opt/my tools/acmite\" --state-dir \"/srv/100%%\" run\n"), "{daemon}");
        assert!(!service.contains('{') && !daemon.contains('{'), "{service}{daemon}");
        let cron = cron(&installation).expect("text");
        assert!(cron.contains("root '/opt/my tools/acmite' --state-dir '/srv/100\\%'"), "{cron}");
    }
}
