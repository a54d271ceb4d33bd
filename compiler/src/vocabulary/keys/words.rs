//! Short words for the tables.

use crate::units::Dimension;
use crate::vocabulary::kinds::{Absent, Argument, Block, Bounds, Choice, Key, Kind};

pub(super) const fn key(name: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Key {
    Key { name, kind, absent, doc }
}
pub(super) const fn block(keyword: &'static str, keys: &'static [Key], doc: &'static str) -> Block {
    Block { keyword, named: false, inside: None, keys, doc }
}
pub(super) const fn named(keyword: &'static str, keys: &'static [Key], doc: &'static str) -> Block {
    Block { keyword, named: true, inside: None, keys, doc }
}
pub(super) const fn word(word: &'static str, doc: &'static str) -> Choice {
    Choice { word, arguments: None, keys: &[], later: false, doc }
}
pub(super) const fn call(word: &'static str, arguments: &'static [Argument], doc: &'static str) -> Choice {
    Choice { word, arguments: Some(arguments), keys: &[], later: false, doc }
}
pub(super) const fn record(word: &'static str, keys: &'static [Key], doc: &'static str) -> Choice {
    Choice { word, arguments: None, keys, later: false, doc }
}
pub(super) const fn first(name: &'static str, kind: Kind, doc: &'static str) -> Argument {
    Argument { name, kind, absent: Absent::Required("the call is about it"), positional: true, doc }
}
pub(super) const fn argument(name: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Argument {
    Argument { name, kind, absent, positional: false, doc }
}
pub(super) const fn amount(dimension: Dimension, least: f64) -> Kind {
    Kind::Amount { dimension, whole: true, least }
}
pub(super) const fn bounds(least: f64, most: f64) -> Bounds {
    Bounds { least, most, above: false }
}
pub(super) const fn above(least: f64, most: f64) -> Bounds {
    Bounds { least, most, above: true }
}
pub(super) const ANY: f64 = f64::INFINITY;
pub(super) const TOKENS: Kind = amount(Dimension::TOKENS, 1.0);
pub(super) const ROLLOUTS: Kind = amount(Dimension::ROLLOUTS, 1.0);
pub(super) const PROBLEMS: Kind = amount(Dimension::PROBLEMS, 1.0);
pub(super) const STEPS: Kind = amount(Dimension::STEPS, 1.0);
pub(super) const TIME: Kind = Kind::Amount { dimension: Dimension::SECONDS, whole: false, least: 0.0 };
pub(super) const COUNT: Kind = Kind::Integer(bounds(1.0, 4_294_967_295.0));
pub(super) const RATIO: Kind = Kind::Number(bounds(0.0, 1.0));
pub(super) const WORD: Kind = Kind::Word;
