//! Every file of the corpus through its target, so that what the fuzzer found stays found.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use acmite_fuzz::TARGETS;

#[test]
fn every_target_has_a_corpus_and_takes_all_of_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        let files = std::fs::read_dir(corpus.join(name)).unwrap_or_else(|_| panic!("{name} has no corpus"));
        let mut count = 0;
        for file in files {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let taken = std::panic::catch_unwind(|| target(&bytes));
            assert!(taken.is_ok(), "{} fails: {}", name, path.display());
            count += 1;
        }
        assert!(count > 0, "{name} has no corpus");
    }
}
