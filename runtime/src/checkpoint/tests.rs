//! A save is ended after each of its operations in turn, as a kill and as a full disk end it: what is left is the old or the new state.

use super::*;
use crate::disk::faults::{Fault, under};
use candle_core::Device;
use recipec_compiler::settings::ModelSource;
use recipec_compiler::{FileId, NoFiles, Options, Source};
use std::path::Path;

struct Fixture {
    plan: Plan,
    fingerprint: String,
    origin: Origin,
}

impl Fixture {
    fn new() -> Self {
        let text = include_str!("../../../tests/fixtures/tiny.recipe");
        let source = Source::new(FileId(0), "tiny.recipe", text);
        let recipe = recipec_compiler::check(source, &NoFiles, &Options::default()).recipe.unwrap();
        let plan = recipec_compiler::compile(&recipe).unwrap().1;
        let origin = Origin { recipe: "tiny".into(), recipe_hash: "abc".into(), ..Origin::default() };
        Self { fingerprint: plan.fingerprint(), plan, origin }
    }

    fn policy(&self, seed: u64) -> Policy {
        let ModelSource::Fresh(architecture) = &self.plan.policy.source else { panic!("a fresh model") };
        Policy::fresh(architecture, Tokenizer::Characters.vocab_size(), seed, &Device::Cpu).unwrap()
    }

    /// Saves a state of step `step` whose weights come from `seed`.
    fn save(&self, run: &Path, step: u64, seed: u64, keep: u64) -> Result<PathBuf, RunError> {
        let policy = self.policy(seed);
        let settings = self.plan.stages.iter().find_map(optimizer_settings).unwrap();
        let optimizer = Optimizer::new(settings, &policy).unwrap();
        let counters = Counters { step, draw: seed, ..Counters::default() };
        let contents = Contents {
            policy: &policy,
            tokenizer: &Tokenizer::Characters,
            optimizer: Some(&optimizer),
            reference: Some(&policy),
            counters: &counters,
            lengths: BTreeMap::from([("metrics.jsonl".to_string(), 10)]),
            plan: &self.plan,
            fingerprint: &self.fingerprint,
            origin: Some(&self.origin),
        };
        save(run, &contents, keep)
    }

    /// Step, seed and weights of the newest checkpoint, every digest verified.
    fn newest(&self, run: &Path) -> (u64, u64) {
        settle(run).unwrap();
        let (_, newest) = list(run).unwrap().pop().expect("a checkpoint");
        let state = state(&newest).unwrap();
        let weights = Policy::load(&newest, &Device::Cpu).unwrap().digest().unwrap();
        assert_eq!(weights, self.policy(state.counters.draw).digest().unwrap());
        (state.counters.step, state.counters.draw)
    }
}

/// A new step beside the old one, and another state of the same step.
const SAVES: [[(u64, u64); 2]; 2] = [[(2, 1), (4, 2)], [(4, 1), (4, 2)]];

#[test]
fn whatever_operation_is_the_last_one_the_old_or_the_new_state_is_there() {
    let fixture = Fixture::new();
    for [old, new] in SAVES {
        let mut seen = std::collections::BTreeSet::new();
        for after in 0.. {
            let run = tempfile::tempdir().unwrap();
            fixture.save(run.path(), old.0, old.1, 1).unwrap();
            let (done, made) = under(Fault::Killed, after, || fixture.save(run.path(), new.0, new.1, 1));
            let found = fixture.newest(run.path());
            assert!(found == old || found == new, "after {after} of {made} operations: {found:?}");
            seen.insert(found);
            assert_eq!(done.is_ok(), made <= after, "a save that was cut short does not say that it is done");
            // Whatever is there, the run can go on: the next save succeeds and leaves nothing behind.
            fixture.save(run.path(), new.0, new.1, 1).unwrap();
            assert_eq!(fixture.newest(run.path()), new);
            let left: Vec<_> = fs::read_dir(run.path().join(CHECKPOINTS)).unwrap().collect();
            assert_eq!(left.len(), 1, "after {after} operations: {left:?}");
            if made <= after {
                assert!(after > 30, "every step of a save is an operation: {after}");
                break;
            }
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [old, new]);
    }
}

#[test]
fn a_full_disk_leaves_the_old_state_and_no_half_of_a_new_one() {
    let fixture = Fixture::new();
    for [old, new] in SAVES {
        for after in 0.. {
            let run = tempfile::tempdir().unwrap();
            fixture.save(run.path(), old.0, old.1, 1).unwrap();
            let (done, _) = under(Fault::DiskFull, after, || fixture.save(run.path(), new.0, new.1, 1));
            let Err(why) = done else { break };
            assert!(
                why.to_string().contains(&std::io::Error::from(std::io::ErrorKind::StorageFull).to_string()),
                "{why}"
            );
            let names: Vec<_> = fs::read_dir(run.path().join(CHECKPOINTS)).unwrap().flatten().collect();
            assert_eq!(names.len(), 1, "its space is free again: {names:?}");
            assert_eq!(fixture.newest(run.path()), old);
        }
    }
}

/// Flips bits of every file in turn; the refusal names it.
#[test]
fn a_changed_byte_in_any_file_is_refused_by_its_name() {
    let fixture = Fixture::new();
    let run = tempfile::tempdir().unwrap();
    let place = fixture.save(run.path(), 2, 1, 1).unwrap();
    let mut files: Vec<String> = state(&place).unwrap().digests.into_keys().collect();
    files.push(STATE.into());
    assert!(files.contains(&"reference/model.safetensors".to_string()) && files.len() == 9, "{files:?}");
    for name in files {
        let path = place.join(&name);
        let whole = fs::read(&path).unwrap();
        let last = whole.len() - 1;
        // Of the state, which seals itself, every byte.
        let places: Vec<usize> = if name == STATE { (0..=last).collect() } else { vec![0, last / 2, last] };
        for at in places {
            for bit in [0x01, 0x02, 0x20] {
                let mut changed = whole.clone();
                changed[at] ^= bit;
                fs::write(&path, &changed).unwrap();
                let why = match name == STATE {
                    true => State::read(&place).expect_err("a refusal"),
                    false => state(&place).expect_err("a refusal"),
                };
                let text = why.to_string();
                assert!(why.code() == "recipe::run::damaged_file" && text.contains(&name), "{name}, byte {at}: {text}");
            }
        }
        fs::write(&path, &whole[..last]).unwrap();
        assert!(state(&place).expect_err("a refusal").to_string().contains(&name));
        fs::remove_file(&path).unwrap();
        assert!(state(&place).expect_err("a refusal").to_string().contains(&name));
        fs::write(&path, &whole).unwrap();
        state(&place).unwrap();
    }
    fs::write(place.join("model.safetensors.index.json"), "{}").unwrap();
    let why = state(&place).expect_err("a refusal").to_string();
    assert!(why.contains("model.safetensors.index.json") && why.contains("was not there"), "{why}");
}

#[test]
fn the_newest_are_kept_and_the_best() {
    let fixture = Fixture::new();
    let run = tempfile::tempdir().unwrap();
    for step in 1..=5 {
        fixture.save(run.path(), step, step, 2).unwrap();
    }
    let steps: Vec<u64> = list(run.path()).unwrap().into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, [4, 5]);
}

/// A kill while an old checkpoint is put back or removed leaves names that begin with a point.
#[test]
fn what_a_kill_left_is_settled() {
    let fixture = Fixture::new();
    let run = tempfile::tempdir().unwrap();
    let place = fixture.save(run.path(), 2, 1, 1).unwrap();
    let hidden = |name: &str| run.path().join(CHECKPOINTS).join(name);
    fs::rename(&place, hidden(".old-step-2")).unwrap();
    fs::create_dir(hidden(".draft-step-4")).unwrap();
    fs::create_dir(hidden(".gone-step-1")).unwrap();
    fs::write(hidden(".gone-step-1").join("config.json"), "{").unwrap();
    assert_eq!(fixture.newest(run.path()), (2, 1));
    assert_eq!(fs::read_dir(run.path().join(CHECKPOINTS)).unwrap().count(), 1);
}
