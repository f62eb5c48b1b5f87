//! Names, files, pins and compiled code that were tampered with.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use acmite::plugin::cache::CompiledCache;
use acmite::plugin::engine::new_engine;
use acmite::plugin::loader::{Loaded, Loader};
use acmite::store::StateDir;
use acmite::store::plugin_pins::{Pin, PinError, PluginPins};
use acmite_tests::acmite::Acmite;
use acmite_tests::hostile::{Attack, Captured, guest_component, manifest, present};

#[test]
fn an_id_is_no_path() {
    for id in
        ["../evil", "..", "a/b", "/etc/passwd", "a\\b", ".hidden", "A", "", "a b", "a\0b", "\u{1b}[2J", "a.wasm", "-rf"]
    {
        for text in ["plugin.toml", "wild.toml"].map(manifest) {
            let quoted = format!("id = {}", serde_json::Value::from(id));
            let line = text.lines().find(|line| line.starts_with("id = ")).unwrap();
            let said =
                Attack::new("nothing").under(&text.replacen(line, &quoted, 1)).provider().err().unwrap_or_default();
            assert!(said.contains("plugin.toml"), "{id:?}: {said:?}");
        }
    }
}

#[test]
fn plugin_names_do_not_leave_the_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::write(folder.path().join("evil.wasm"), guest_component()).unwrap();
    for name in ["../evil", "..", "../../evil", "evil:../x", "%2e%2e/evil", "evil\u{0000ad}"] {
        for command in ["plugin remove", "plugin inspect", "plugin check"] {
            let done = Acmite::new(command, &state).args([name]).run();
            assert_ne!(done.code, Some(0), "{command} {name}: {done}");
        }
    }
    assert!(folder.path().join("evil.wasm").exists());
}

fn pinned(folder: &Path) -> (PluginPins, PathBuf) {
    let pins = PluginPins::new(&StateDir::open(&folder.join("state")).unwrap());
    let inspected = acmite::plugin::inspect::inspect(guest_component()).unwrap();
    let pin =
        Pin { version: "0.1.0".into(), sha256: inspected.sha256, source: "x".into(), permissions: BTreeSet::new() };
    let path = pins.install("hostile", guest_component(), pin).unwrap();
    (pins, path)
}

#[test]
fn an_installed_file_that_is_swapped_or_linked_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (pins, path) = pinned(folder.path());
    assert_eq!(pins.component("hostile").unwrap().unwrap(), guest_component());
    let other = folder.path().join("other");
    let mut changed = guest_component().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&other, &changed).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&other, &path).unwrap();
    let error = pins.component("hostile").unwrap_err();
    assert!(matches!(error, PinError::Changed { .. }), "{error}");
    // An install over the link does not write through it.
    fs::write(&other, b"untouched").unwrap();
    let (pins, path) = pinned(folder.path());
    assert_eq!(fs::read(&other).unwrap(), b"untouched");
    assert!(!path.is_symlink() && pins.component("hostile").unwrap().is_some());
    symlink("/dev/zero", folder.path().join("endless.wasm")).unwrap();
    let loader = Loader::new(new_engine().unwrap(), None);
    assert!(loader.load_file(&folder.path().join("endless.wasm")).is_err());
}

#[test]
fn the_bytes_that_are_hashed_are_the_bytes_that_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin.wasm");
    fs::write(&path, guest_component()).unwrap();
    let loaded = Loader::new(new_engine().unwrap(), None).load_file(&path).unwrap();
    // Swapped after it was read: what was loaded is what was hashed.
    fs::write(&path, b"something else").unwrap();
    assert_eq!(loaded.inspected.sha256, acmite::plugin::inspect::inspect(guest_component()).unwrap().sha256);
}

fn load(cache: &CompiledCache) -> Loaded {
    Loader::new(new_engine().unwrap(), Some(cache.clone())).load(guest_component(), "hostile.wasm").unwrap()
}

fn record(folder: &Path) -> PathBuf {
    let is_record = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "compiled");
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).find(is_record).unwrap()
}

#[tokio::test]
async fn compiled_code_that_was_poisoned_cut_or_is_anothers_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("compiled");
    let cache = CompiledCache::open(&compiled).unwrap();
    load(&cache);
    let path = record(&compiled);
    let whole = fs::read(&path).unwrap();
    let mut poisoned = whole.clone();
    let middle = poisoned.len() / 2;
    poisoned[middle] ^= 0xff;
    let spoils: [(&str, &dyn Fn()); 6] = [
        ("poisoned", &|| fs::write(&path, &poisoned).unwrap()),
        ("cut", &|| fs::write(&path, &whole[..whole.len() - 7]).unwrap()),
        ("empty", &|| fs::write(&path, b"").unwrap()),
        ("open to others", &|| fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap()),
        ("a link to what others may write", &|| {
            fs::rename(&path, folder.path().join("elsewhere")).unwrap();
            fs::set_permissions(folder.path().join("elsewhere"), Permissions::from_mode(0o666)).unwrap();
            symlink(folder.path().join("elsewhere"), &path).unwrap();
        }),
        ("another's", &|| {
            // Only root can give a file away; to anyone else it is one more record that is whole.
            let _ = std::os::unix::fs::chown(&path, Some(65534), None);
        }),
    ];
    for (name, spoil) in spoils {
        assert!(fs::symlink_metadata(&path).unwrap().is_file(), "{name}");
        spoil();
        let captured = Captured::start();
        let provider = Attack::new("nothing").provider_of(load(&cache)).unwrap();
        assert_eq!(present(&provider).await.unwrap().state, b"nothing", "{name}");
        let harmless = name == "another's" && !rustix::process::geteuid().is_root();
        assert!(harmless || captured.text().contains("set aside"), "{name}: {}", captured.text());
        assert_eq!(fs::read(&path).unwrap().len(), whole.len(), "{name}");
    }
    // A record that nobody touched is used: the file stays the one it was.
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    load(&cache);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

#[test]
fn a_cache_folder_that_others_may_write_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let cache = CompiledCache::open(&open);
    let mode = fs::metadata(&open).unwrap().permissions().mode() & 0o777;
    assert!(cache.is_err() || mode == 0o700, "mode {mode:o}");
}

#[test]
fn a_reserved_id_cannot_be_taken_and_a_wider_upgrade_needs_a_yes() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let install = |text: &str, yes: bool| {
        let path = folder.path().join("plugin.wasm");
        fs::write(&path, acmite_tests::hostile::core_guest("", text)).unwrap();
        let run = Acmite::new("plugin install", &state).args([&path]);
        if yes { run.args(["--yes"]) } else { run }.run()
    };
    let taken = install(&manifest("plugin.toml").replacen("\"hostile\"", "\"rfc2136\"", 1), true);
    assert!(taken.code != Some(0) && taken.stderr.contains("belongs to a bundled plugin"), "{taken}");
    let first = install(&manifest("plugin.toml"), false);
    assert!(first.code != Some(0) && first.stderr.contains("nobody said yes"), "{first}");
    install(&manifest("plugin.toml"), true).expect_code(0);
    let wider = manifest("plugin.toml").replacen("\"GET /signed\"", "\"GET /signed/{x}\"", 1);
    let refused = install(&wider, false);
    assert!(refused.code != Some(0) && refused.stderr.contains("asks for more"), "{refused}");
    install(&wider, true).expect_code(0);
}
