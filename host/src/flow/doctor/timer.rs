//! Whether something renews by itself: what `acmite timer install` makes, where the system looks for it.

use std::fs;
use std::path::{Path, PathBuf};

use super::condition::Condition;

/// Looks below `root`, which is `/`, for a timer that renews what is in a state folder; `is_default` tells whether that
/// is the one which acmite takes if none is named.
pub fn timer(root: &Path, state_dir: &Path, is_default: bool) -> Option<Condition> {
    let serves = |text: &str| match text.contains("--state-dir") {
        true => text.contains(&*state_dir.to_string_lossy()),
        false => is_default,
    };
    let cron = root.join(CRON_DIR).join("acmite");
    if fs::read_to_string(&cron).is_ok_and(|text| serves(&text.replace("\\%", "%"))) {
        return None;
    }
    let folders = UNIT_DIRS.map(|folder| root.join(folder));
    let serving = folders.iter().find(|folder| {
        let service = fs::read_to_string(folder.join(SERVICE));
        service.is_ok_and(|text| serves(&text.replace("%%", "%"))) && folder.join(TIMER).exists()
    });
    match serving {
        None => Some(Condition::TimerMissing { state_dir: state_dir.to_owned(), looked_in: looked_in(cron, &folders) }),
        Some(folder) if !is_enabled(&folders) => Some(Condition::TimerNotEnabled { unit: folder.join(TIMER) }),
        Some(_) => None,
    }
}

/// `systemctl enable` makes a link where the unit says it is wanted.
fn is_enabled(folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| fs::symlink_metadata(folder.join(WANTED_BY).join(TIMER)).is_ok())
}

fn looked_in(cron: PathBuf, folders: &[PathBuf]) -> Vec<PathBuf> {
    folders.iter().map(|folder| folder.join(TIMER)).chain([cron]).collect()
}

const CRON_DIR: &str = "etc/cron.d";
/// systemd.unit(5), for the system.
const UNIT_DIRS: [&str; 4] =
    ["etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system"];
const SERVICE: &str = "acmite-renew.service";
const TIMER: &str = "acmite-renew.timer";
const WANTED_BY: &str = "timers.target.wants";

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "/srv/100%";

    fn found(files: &[(&str, &str)], is_default: bool) -> Option<&'static str> {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        timer(root.path(), Path::new(STATE), is_default).map(|condition| condition.code().name())
    }

    #[test]
    fn a_cron_job_or_an_enabled_timer_for_the_state_folder_is_enough() {
        assert_eq!(found(&[], true), Some("timer-missing"));
        let cron = "root acmite --state-dir '/srv/100\\%' --quiet renew\n";
        assert_eq!(found(&[("etc/cron.d/acmite", cron)], false), None);
        let service =
            ("etc/systemd/system/acmite-renew.service", "ExecStart=acmite --state-dir \"/srv/100%%\" renew\n");
        let timer = ("etc/systemd/system/acmite-renew.timer", "[Timer]\n");
        assert_eq!(found(&[service, timer], false), Some("timer-not-enabled"));
        let enabled = ("etc/systemd/system/timers.target.wants/acmite-renew.timer", "[Timer]\n");
        assert_eq!(found(&[service, timer, enabled], false), None);
    }

    #[test]
    fn a_timer_for_another_state_folder_is_none() {
        let cron = |text| [("etc/cron.d/acmite", text)];
        assert_eq!(found(&cron("root acmite --state-dir /srv/other renew\n"), true), Some("timer-missing"));
        assert_eq!(found(&cron("root acmite renew\n"), false), Some("timer-missing"));
        assert_eq!(found(&cron("root acmite renew\n"), true), None);
    }
}
