//! `run --record`: all rollouts of a run, one file for each step, so that training can be replayed without sampling.
//!
//! `record/step-N.jsonl.gz` holds the rollouts that were sampled for step N of the run, one object a line, in the order in which they
//! were drawn. A file is there as a whole or not at all, so memory is bounded by one step. Log-probabilities are the bits of their
//! 32-bit numbers in hexadecimal, least significant byte first: nothing is lost on the way through text.

use crate::disk;
use crate::error::RunError;
use crate::generate::StopReason;
use crate::rollout::{Draw, Rollout};
use crate::verify::Verdict;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// Name of the folder in a run folder.
pub const RECORD: &str = "record";

/// No line is longer: a rollout of a million tokens takes 30 MB.
const LONGEST_LINE: u64 = 256 << 20;

/// A rollout as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Number of the group in its stage.
    pub draw: u64,
    /// Position in its group.
    pub idx: usize,
    /// Name of the domain.
    pub domain: String,
    /// BLAKE3 over the token ids of the prompt, four little-endian bytes each.
    pub prompt: String,
    /// The response in tokens, the end token included when it came.
    pub tokens: Vec<u32>,
    /// Log-probabilities under the weights that sampled them, before top-p and its like.
    pub logp_behavior: String,
    /// Log-probabilities in the distribution that the tokens were drawn from.
    pub logp_sampled: String,
    /// Optimizer steps of the stage behind the weights that sampled it.
    pub version: u64,
    /// Why it ended: an end token, a stop string, or the cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopReason>,
    /// True when the cap cut it.
    pub truncated: bool,
    /// The response as text.
    pub text: String,
    /// Tokens before the answer part.
    pub reasoning_tokens: usize,
    /// Tokens of the answer part.
    pub answer_tokens: usize,
    /// What the verifier said.
    pub verdict: Option<Verdict>,
    /// Every part of the reward by name; empty where the rollout left its group before it was rewarded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<String, f64>,
    /// The total reward, where it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
}

impl Kept {
    /// A rollout that was judged and not rewarded yet.
    pub(crate) fn of(draw: &Draw, domain: &str, rollout: &Rollout) -> Self {
        Self {
            draw: draw.number,
            idx: rollout.idx,
            domain: domain.to_string(),
            prompt: prompt_digest(&draw.prompt),
            tokens: rollout.tokens.clone(),
            logp_behavior: to_hex(&rollout.logp_behavior),
            logp_sampled: to_hex(&rollout.logp_sampled),
            version: rollout.version,
            stop: Some(rollout.stop),
            truncated: rollout.truncated,
            text: rollout.text.clone(),
            reasoning_tokens: rollout.reasoning_tokens,
            answer_tokens: rollout.answer_tokens,
            verdict: rollout.verdict.clone(),
            terms: BTreeMap::new(),
            total: None,
        }
    }

    /// The rollout, without its verdict; none where the numbers do not fit the tokens.
    pub(crate) fn rollout(&self) -> Option<Rollout> {
        let (logp_behavior, logp_sampled) = (from_hex(&self.logp_behavior)?, from_hex(&self.logp_sampled)?);
        let n = self.tokens.len();
        (logp_behavior.len() == n && logp_sampled.len() == n).then(|| Rollout {
            idx: self.idx,
            tokens: self.tokens.clone(),
            logp_behavior,
            logp_sampled,
            version: self.version,
            stop: self.stop.unwrap_or(if self.truncated { StopReason::Cap } else { StopReason::EndToken }),
            truncated: self.truncated,
            text: self.text.clone(),
            reasoning_tokens: self.reasoning_tokens,
            answer_tokens: self.answer_tokens,
            verdict: None,
            masked: false,
            signals: BTreeMap::new(),
            terms: BTreeMap::new(),
            total_reward: 0.0,
            advantage: 0.0,
        })
    }
}

/// BLAKE3 over token ids.
pub(crate) fn prompt_digest(tokens: &[u32]) -> String {
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    blake3::hash(&bytes).to_hex().to_string()
}

fn to_hex(values: &[f32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |at: u8| char::from(DIGITS[usize::from(at & 15)]);
    values.iter().flat_map(|value| value.to_le_bytes()).flat_map(|byte| [digit(byte >> 4), digit(byte)]).collect()
}

fn from_hex(text: &str) -> Option<Vec<f32>> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (numbers, rest) = digits.as_chunks::<8>();
    let byte = |pair: [u8; 2]| pair[0] << 4 | pair[1];
    let number = |d: &[u8; 8]| {
        f32::from_le_bytes([byte([d[0], d[1]]), byte([d[2], d[3]]), byte([d[4], d[5]]), byte([d[6], d[7]])])
    };
    rest.is_empty().then(|| numbers.iter().map(number).collect())
}

/// Keeps rollouts.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
}

impl Recorder {
    /// The record of a run folder.
    pub fn new(run: &Path) -> Self {
        Self { folder: run.join(RECORD) }
    }

    /// Whether a run folder has a record.
    pub fn is_in(run: &Path) -> bool {
        run.join(RECORD).is_dir()
    }

    /// Writes the rollouts that were sampled for a step.
    pub fn write(&self, step: u64, kept: &[Kept]) -> Result<(), RunError> {
        fs::create_dir_all(&self.folder).map_err(RunError::io("cannot make", &self.folder))?;
        let path = file(&self.folder, step);
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        for one in kept {
            let mut line = serde_json::to_vec(one)
                .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
            line.push(b'\n');
            member.write_all(&line).map_err(RunError::io("cannot compress for", &path))?;
        }
        let bytes = member.finish().map_err(RunError::io("cannot compress for", &path))?;
        disk::write_whole(&path, &bytes).map_err(RunError::io("cannot write", &path))
    }

    /// Removes what was recorded after so many steps of the run.
    pub fn cut(&self, steps: u64) -> Result<(), RunError> {
        for (step, path) in steps_in(&self.folder)? {
            if step > steps {
                fs::remove_file(&path).map_err(RunError::io("cannot remove", &path))?;
            }
        }
        Ok(())
    }
}

fn file(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("step-{step}.jsonl.gz"))
}

/// The files of a record with their steps.
fn steps_in(folder: &Path) -> Result<BTreeMap<u64, PathBuf>, RunError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(why) => return Err(RunError::io("cannot read", folder)(why)),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(RunError::io("cannot read", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let step = name.strip_prefix("step-").and_then(|name| name.strip_suffix(".jsonl.gz")?.parse().ok());
        found.extend(step.map(|step| (step, path)));
    }
    Ok(found)
}

/// A record that is read back.
#[derive(Debug)]
pub struct Recorded {
    folder: PathBuf,
    /// The step that is in memory.
    step: u64,
    kept: BTreeMap<(u64, usize), Kept>,
}

impl Recorded {
    /// The record of a run folder; none where it has none.
    pub fn open(run: &Path) -> Option<Self> {
        Recorder::is_in(run).then(|| Self { folder: run.join(RECORD), step: 0, kept: BTreeMap::new() })
    }

    /// A rollout that was sampled for a step: the `idx`-th of the group `draw`.
    pub(crate) fn rollout(&mut self, step: u64, draw: u64, idx: usize) -> Result<Option<&Kept>, RunError> {
        if self.step != step {
            self.kept = read(&file(&self.folder, step))?;
            self.step = step;
        }
        Ok(self.kept.get(&(draw, idx)))
    }
}

fn read(path: &Path) -> Result<BTreeMap<(u64, usize), Kept>, RunError> {
    let damaged = |line: u64, why: String| RunError::Damaged { path: path.into(), why: format!("line {line}: {why}") };
    let opened = File::open(path).map_err(RunError::io("cannot read", path))?;
    let mut reader = BufReader::new(GzDecoder::new(BufReader::new(opened)));
    let (mut kept, mut line) = (BTreeMap::new(), Vec::new());
    for number in 1u64.. {
        line.clear();
        let bytes = reader.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut line);
        let bytes = bytes.map_err(|why| damaged(number, why.to_string()))? as u64;
        if bytes == 0 {
            break;
        }
        if bytes > LONGEST_LINE {
            return Err(damaged(number, format!("it is longer than {} MiB", LONGEST_LINE >> 20)));
        }
        let one: Kept = serde_json::from_slice(&line).map_err(|why| damaged(number, why.to_string()))?;
        kept.insert((one.draw, one.idx), one);
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Cut;

    fn kept(draw: u64, idx: usize) -> Kept {
        let numbers = [-0.5f32, f32::MIN_POSITIVE, -f32::EPSILON, 1e-40, -0.0];
        Kept {
            draw,
            idx,
            domain: "math".into(),
            prompt: prompt_digest(&[1, 2]),
            tokens: vec![1, 2, 3, 4, 0],
            logp_behavior: to_hex(&numbers),
            logp_sampled: to_hex(&numbers),
            version: 3,
            stop: Some(StopReason::StopString(Cut { string: 1, byte: 2 })),
            truncated: false,
            text: "1234".into(),
            reasoning_tokens: 3,
            answer_tokens: 1,
            verdict: Some(Verdict::correct()),
            terms: BTreeMap::from([("total".to_string(), 0.1 + 0.2)]),
            total: Some(0.1 + 0.2),
        }
    }

    #[test]
    fn what_is_kept_comes_back_to_the_bit() {
        let run = tempfile::tempdir().unwrap();
        let all = [kept(4, 0), kept(4, 1), kept(5, 0)];
        Recorder::new(run.path()).write(7, &all).unwrap();
        let mut back = Recorded::open(run.path()).unwrap();
        for one in &all {
            assert_eq!(back.rollout(7, one.draw, one.idx).unwrap(), Some(one));
            let rollout = back.rollout(7, one.draw, one.idx).unwrap().unwrap().rollout().unwrap();
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            let numbers = [-0.5f32, f32::MIN_POSITIVE, -f32::EPSILON, 1e-40, -0.0];
            assert_eq!(bits(&rollout.logp_behavior), bits(&numbers));
        }
        assert_eq!(back.rollout(7, 9, 0).unwrap(), None);
        assert!(back.rollout(8, 4, 0).unwrap_err().to_string().contains("step-8.jsonl.gz"));
    }

    #[test]
    fn a_cut_removes_later_steps_only() {
        let run = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(run.path());
        for step in [1, 2, 10] {
            recorder.write(step, &[kept(0, 0)]).unwrap();
        }
        recorder.cut(2).unwrap();
        assert_eq!(steps_in(&run.path().join(RECORD)).unwrap().into_keys().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn damaged_records_are_refused_with_their_line() {
        let run = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(run.path());
        let mut short = kept(0, 0);
        short.logp_sampled.pop();
        recorder.write(1, &[short]).unwrap();
        let mut back = Recorded::open(run.path()).unwrap();
        assert!(back.rollout(1, 0, 0).unwrap().unwrap().rollout().is_none());
        let path = run.path().join("record/step-1.jsonl.gz");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let why = Recorded::open(run.path()).unwrap().rollout(1, 0, 0).unwrap_err().to_string();
        assert!(why.contains("step-1.jsonl.gz") && why.contains("line 1"), "{why}");
    }
}
