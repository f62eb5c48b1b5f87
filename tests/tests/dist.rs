//! The Debian package that `cargo xtask dist` makes is one that dpkg installs, systemd runs and apt removes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use acmite_tests::acmite::{program, workspace_program};
use acmite_tests::process::peer;

/// A package of the binary at hand, without what a debugger would need.
struct Package {
    folder: tempfile::TempDir,
}

fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout) + &said(&output.stderr)
}

impl Package {
    /// Made once; packing takes its time.
    fn get() -> Option<&'static Self> {
        static MADE: OnceLock<Option<Package>> = OnceLock::new();
        MADE.get_or_init(Self::make).as_ref()
    }

    fn make() -> Option<Self> {
        peer("dpkg")?;
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("acmite");
        text(Command::new("strip").arg(program()).arg("-o").arg(&binary));
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut dist = Command::new(workspace_program("xtask"));
        text(dist.args(["dist", "--target", &target, "--binary"]).arg(&binary).arg("--to").arg(folder.path()));
        Some(Self { folder })
    }

    fn file(&self) -> PathBuf {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb")).unwrap()
    }

    /// An empty system below a folder.
    fn root(&self) -> PathBuf {
        let root = self.folder.path().join("root");
        for folder in ["info", "updates", "triggers"] {
            std::fs::create_dir_all(root.join("var/lib/dpkg").join(folder)).unwrap();
        }
        std::fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
        root
    }
}

/// Where there is no other package, nothing it depends on is there either; its scripts run with DPKG_ROOT.
fn dpkg(root: &Path) -> Command {
    let mut dpkg = Command::new("dpkg");
    let log = root.join("dpkg.log");
    dpkg.arg("--root").arg(root).arg("--log").arg(log).args(["--force-script-chrootless", "--force-depends"]);
    dpkg
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o7777
}

#[test]
fn the_package_is_installed_enabled_upgraded_removed_and_purged_and_what_was_issued_is_kept() {
    let Some(package) = Package::get() else { return };
    let root = package.root();
    for _ in ["install", "upgrade"] {
        text(dpkg(&root).arg("--install").arg(package.file()));
    }
    let there = |path: &str| root.join(path).exists();
    assert_eq!(mode(&root.join("usr/bin/acmite")), 0o755);
    assert_eq!(mode(&root.join("var/lib/acmite")), 0o700);
    for path in [
        "usr/lib/systemd/system/acmite.service",
        "usr/lib/systemd/system/acmite-renew.service",
        "usr/share/man/man1/acmite-timer-install.1.gz",
        "usr/share/bash-completion/completions/acmite",
        "usr/share/zsh/vendor-completions/_acmite",
        "usr/share/fish/vendor_completions.d/acmite.fish",
        "usr/share/doc/acmite/LICENSE-APACHE",
        "usr/share/doc/acmite/LICENSE-MIT",
        "usr/share/doc/acmite/copyright",
    ] {
        assert!(there(path), "{path} is missing");
    }
    text(Command::new(root.join("usr/bin/acmite")).arg("--version"));
    let page = root.join("usr/share/man/man1/acmite-run.1.gz");
    assert!(text(Command::new("zcat").arg(page)).contains("ACMITE_CONFIG"));
    text(Command::new("bash").arg("-n").arg(root.join("usr/share/bash-completion/completions/acmite")));
    text(dpkg(&root).args(["--verify", "acmite"]));
    // The timer is enabled, by a link, and the service that goes on is not.
    let enabled = |unit: &str| std::fs::symlink_metadata(root.join("etc/systemd/system").join(unit)).is_ok();
    assert!(enabled("timers.target.wants/acmite-renew.timer") && !enabled("multi-user.target.wants/acmite.service"));
    let key = root.join("var/lib/acmite/accounts");
    std::fs::write(&key, "a key").unwrap();
    text(dpkg(&root).args(["--remove", "acmite"]));
    assert!(!there("usr/bin/acmite") && !there("usr/lib/systemd/system/acmite.service"));
    let said = text(dpkg(&root).args(["--purge", "acmite"]));
    assert!(!said.contains("unable"), "{said}");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "a key");
    assert!(!enabled("timers.target.wants/acmite-renew.timer"));
}

#[test]
fn systemd_takes_the_units_of_the_package() {
    let (Some(package), Some(analyze)) = (Package::get(), peer("systemd-analyze")) else { return };
    let (unpacked, units) = (package.folder.path().join("unpacked"), package.folder.path().join("units"));
    text(Command::new("dpkg-deb").arg("--extract").arg(package.file()).arg(&unpacked));
    std::fs::create_dir(&units).unwrap();
    for name in ["acmite.service", "acmite-renew.service", "acmite-renew.timer"] {
        let unit = std::fs::read_to_string(unpacked.join("usr/lib/systemd/system").join(name)).unwrap();
        if name.ends_with("service") {
            assert!(unit.contains("ExecStart=\"/usr/bin/acmite\" --state-dir \"/var/lib/acmite\" "), "{unit}");
            assert!(
                unit.contains("ProtectSystem=strict") && unit.contains("ReadWritePaths=\"/var/lib/acmite\"\n"),
                "{unit}"
            );
        }
        // The program is not installed here.
        let unit = unit.replace("/usr/bin/acmite", &unpacked.join("usr/bin/acmite").display().to_string());
        std::fs::write(units.join(name), unit).unwrap();
    }
    for name in ["acmite.service", "acmite-renew.service", "acmite-renew.timer"] {
        let said = text(Command::new(&analyze).arg("verify").arg(units.join(name)));
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("acmite")).collect();
        assert_eq!(ours, [""; 0], "{name}");
    }
}
