//! Text to codes: the front end as a whole.

use crate::Options;
use crate::testing::{APRIEL, QUICKSTART, checked, codes_of, found};

#[test]
fn both_recipes_are_clean_under_every_variant() {
    for text in [QUICKSTART, APRIEL] {
        let base = checked(text, &Options { strict: true, ..Options::default() });
        let seen = found(&base);
        assert!(seen.codes.is_empty(), "{}", seen.text);
        let Some(recipe) = base.recipe else { panic!("no recipe") };
        for variant in &recipe.variants {
            let checked = checked(text, &Options { variant: Some(variant.clone()), strict: true, ..Options::default() });
            let seen = found(&checked);
            assert!(seen.codes.is_empty(), "{variant}: {}", seen.text);
            assert_eq!(checked.recipe.and_then(|r| r.variant).as_deref(), Some(variant.as_str()));
        }
    }
    let _ = codes_of(QUICKSTART);
}
