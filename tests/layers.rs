//! The edges between the layers stay as the book's architecture page draws them: nothing points upward, and each layer knows only
//! what it may.

use std::collections::BTreeSet;
use std::path::Path;

/// What a manifest may never depend on, and what it must not name at all.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("grammar", &["recipec-compiler", "recipec-runtime", "recipec", "miette", "serde", "petgraph", "candle-core", "candle-nn"]),
    ("compiler", &["recipec-runtime", "recipec", "candle-core", "candle-nn", "cudarc", "clap", "pest", "tokenizers"]),
    ("runtime", &["recipec", "recipec-grammar", "pest", "miette", "clap", "indicatif", "petgraph"]),
];

fn dependencies(folder: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let manifest: toml::Table = text.parse().unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let table = manifest.get("dependencies").and_then(toml::Value::as_table).expect("a manifest has dependencies");
    table.keys().cloned().collect()
}

#[test]
fn no_layer_knows_what_it_must_not() {
    for (folder, forbidden) in FORBIDDEN {
        let found = dependencies(folder);
        assert!(!found.is_empty(), "{folder} has no dependencies: was the manifest read?");
        for name in *forbidden {
            assert!(!found.contains(*name), "{folder} must not depend on {name}");
        }
    }
}

#[test]
fn every_layer_rests_on_the_one_below() {
    assert!(dependencies("compiler").contains("recipec-grammar"));
    assert!(dependencies("runtime").contains("recipec-compiler"));
    for layer in ["recipec-compiler", "recipec-runtime"] {
        assert!(dependencies(".").contains(layer));
    }
}
