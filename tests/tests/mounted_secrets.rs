//! Secrets as systemd, Docker and Kubernetes hand them over: wider modes than a file of one's own may have, in memory.

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::powerdns::{PowerDns, powerdns};

/// `acmite plugin check powerdns` after `mounts`, with the API's key in a file that these make.
fn check(peer: &PowerDns, mounts: &str, environment: &[(&str, &str)]) -> Option<Finished> {
    let state = tempfile::tempdir().expect("a folder");
    let run = Acmite::new("plugin check powerdns --zone example.test", state.path());
    let run = run.env("KEY", &peer.api_key).env("ACMITE_POWERDNS_SERVER_URL", &peer.api_url);
    let run = environment.iter().fold(run, |run, (name, value)| run.env(name, value));
    run.with_mounts(mounts).map(Acmite::run)
}

fn peer() -> Option<PowerDns> {
    let peer = powerdns()?;
    peer.add_zone("example.test", 1, &[]);
    Some(peer)
}

/// systemd.exec(5): a file system in memory, 0500, with files of 0440.
const SYSTEMD: &str = "mount -t tmpfs -o mode=0700 none /mnt
    umask 077; printf %s \"$KEY\" > /mnt/powerdns.api_key; unset KEY
    chmod 0440 /mnt/powerdns.api_key; chmod 0500 /mnt";
/// A secret of Docker's: 0444 in memory, under /run/secrets.
const DOCKER: &str = "mount -t tmpfs none /run; mkdir /run/secrets
    printf %s \"$KEY\" > /run/secrets/api_key; unset KEY; chmod 0444 /run/secrets/api_key";
/// A volume of Kubernetes': 0644 in memory, behind two links.
const KUBERNETES: &str = "mount -t tmpfs -o mode=1777 none /mnt; mkdir /mnt/..2026
    printf %s \"$KEY\" > /mnt/..2026/api_key; unset KEY; chmod 0644 /mnt/..2026/api_key
    ln -s ..2026 /mnt/..data; ln -s ..data/api_key /mnt/api_key";

#[test]
fn a_credential_that_systemd_loads_is_taken_and_only_where_systemd_says_so() {
    let Some(peer) = peer() else { return };
    let Some(done) = check(&peer, SYSTEMD, &[("CREDENTIALS_DIRECTORY", "/mnt")]) else { return };
    done.expect_code(0);
    let by_path = [("ACMITE_POWERDNS_API_KEY_FILE", "/mnt/powerdns.api_key")];
    let Some(done) = check(&peer, SYSTEMD, &by_path) else { return };
    let done = done.expect_code(3);
    assert!(done.stderr.contains("chmod 600 /mnt/powerdns.api_key"), "{done}");
}

#[test]
fn a_secret_that_docker_mounts_is_taken_and_a_file_like_it_on_a_disk_is_not() {
    let Some(peer) = peer() else { return };
    let by_path = [("ACMITE_POWERDNS_API_KEY_FILE", "/run/secrets/api_key")];
    let Some(done) = check(&peer, DOCKER, &by_path) else { return };
    done.expect_code(0);
    let on_disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let bind = format!("mount --bind {} /run", on_disk.path().display());
    let Some(done) = check(&peer, &DOCKER.replace("mount -t tmpfs none /run", &bind), &by_path) else { return };
    let done = done.expect_code(3);
    assert!(done.stderr.contains("chmod 600 /run/secrets/api_key"), "{done}");
}

#[test]
fn a_secret_in_a_volume_of_kubernetes_is_taken_and_one_that_others_may_write_is_not() {
    let Some(peer) = peer() else { return };
    let by_path = [("ACMITE_POWERDNS_API_KEY_FILE", "/mnt/api_key")];
    let Some(done) = check(&peer, KUBERNETES, &by_path) else { return };
    done.expect_code(0);
    let Some(done) = check(&peer, &KUBERNETES.replace("0644", "0646"), &by_path) else { return };
    let done = done.expect_code(3);
    assert!(done.stderr.contains("chmod 600"), "{done}");
}
