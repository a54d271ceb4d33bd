//! What served models said, in `judgements.jsonl` of the run folder.
//!
//! A server need not answer alike twice. Each answer is therefore kept under the digest of its whole request, and the same request
//! is not made again: not within a run, and not after a resume, which does not cut this file off. Judgements are recorded, not
//! reproduced: another run with the same recipe may judge otherwise.

use super::Judgement;
use crate::error::RunError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Name of the file.
pub const JUDGEMENTS: &str = "judgements.jsonl";

/// Longest line that is read.
const LONGEST_LINE: u64 = 64 << 20;

/// A line.
#[derive(Serialize, Deserialize)]
struct Line {
    schema: u32,
    /// BLAKE3 of the request, in hex.
    request: String,
    model: String,
    judgement: String,
    finished: bool,
}

/// The file, and where each answer stands in it.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// None until something is written or read.
    file: Option<File>,
    /// Byte offsets by digest: judgements themselves would fill the memory in a long run.
    known: BTreeMap<[u8; 32], u64>,
    length: u64,
}

impl Record {
    /// The record of a run folder. An unfinished last line, which a killed run leaves, is cut off.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(JUDGEMENTS);
        let mut inner = Inner { file: None, known: BTreeMap::new(), length: 0 };
        let file = match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(file) => file,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, inner: Mutex::new(inner) });
            }
            Err(why) => return Err(RunError::io("cannot read", &path)(why)),
        };
        let mut reader = BufReader::new(&file);
        let mut bytes = Vec::new();
        for number in 1u64.. {
            bytes.clear();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            read.map_err(RunError::io("cannot read", &path))?;
            if bytes.last() != Some(&b'\n') {
                if bytes.len() as u64 == LONGEST_LINE {
                    return Err(RunError::Damaged { path, why: format!("line {number} is too long") });
                }
                break;
            }
            let line: Result<Line, _> = serde_json::from_slice(&bytes);
            let digest =
                line.ok().filter(|line| line.schema == 1).and_then(|line| blake3::Hash::from_hex(line.request).ok());
            let Some(digest) = digest else {
                return Err(RunError::Damaged { path, why: format!("line {number} is no judgement") });
            };
            inner.known.insert(*digest.as_bytes(), inner.length);
            inner.length += bytes.len() as u64;
        }
        drop(reader);
        file.set_len(inner.length).map_err(RunError::io("cannot write", &path))?;
        inner.file = Some(file);
        Ok(Self { path, inner: Mutex::new(inner) })
    }

    /// What was said to a request, if it was made before.
    pub fn find(&self, request: &blake3::Hash) -> Result<Option<Judgement>, String> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(offset) = inner.known.get(request.as_bytes()).copied() else { return Ok(None) };
        let damaged = |why: String| format!("`{}` cannot be read: {why}", self.path.display());
        let file = inner.file.as_mut().ok_or_else(|| damaged("it is not open".into()))?;
        file.seek(SeekFrom::Start(offset)).map_err(|why| damaged(why.to_string()))?;
        let mut bytes = Vec::new();
        let mut reader = BufReader::new(file).take(LONGEST_LINE);
        reader.read_until(b'\n', &mut bytes).map_err(|why| damaged(why.to_string()))?;
        let line: Line = serde_json::from_slice(&bytes).map_err(|why| damaged(why.to_string()))?;
        Ok(Some(Judgement { text: line.judgement, finished: line.finished }))
    }

    /// Keeps answers, in this order.
    pub fn keep<'j>(
        &self,
        model: &str,
        said: impl Iterator<Item = (&'j blake3::Hash, &'j Judgement)>,
    ) -> Result<(), String> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |why: String| format!("`{}` cannot be written: {why}", self.path.display());
        let mut text = Vec::new();
        let mut places = Vec::new();
        for (request, judgement) in said {
            places.push((*request.as_bytes(), inner.length + text.len() as u64));
            let line = Line {
                schema: 1,
                request: request.to_hex().to_string(),
                model: model.to_owned(),
                judgement: judgement.text.clone(),
                finished: judgement.finished,
            };
            serde_json::to_writer(&mut text, &line).map_err(|why| failed(why.to_string()))?;
            text.push(b'\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        if inner.file.is_none() {
            let open = OpenOptions::new().read(true).append(true).create(true).open(&self.path);
            inner.file = Some(open.map_err(|why| failed(why.to_string()))?);
        }
        if let Some(file) = inner.file.as_mut() {
            file.write_all(&text).map_err(|why| failed(why.to_string()))?;
        }
        inner.length += text.len() as u64;
        inner.known.extend(places);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Judgement {
        Judgement { text: text.into(), finished: true }
    }

    #[test]
    fn what_was_said_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let digests: Vec<blake3::Hash> = (0..3u8).map(|n| blake3::hash(&[n])).collect();
        let record = Record::open(folder.path()).expect("a record");
        assert_eq!(record.find(&digests[0]), Ok(None));
        assert!(!folder.path().join(JUDGEMENTS).exists(), "nothing is written for nothing");
        let judgements = [said("a\nyes"), said("no\u{2028}\"")];
        record.keep("m", digests.iter().zip(&judgements)).expect("kept");
        assert_eq!(record.find(&digests[1]), Ok(Some(judgements[1].clone())));
        record.keep("m", [(&digests[2], &said("late"))].into_iter()).expect("kept");
        let again = Record::open(folder.path()).expect("a record");
        assert_eq!(again.find(&digests[0]), Ok(Some(judgements[0].clone())));
        assert_eq!(again.find(&digests[2]), Ok(Some(said("late"))));
        assert_eq!(again.find(&blake3::hash(b"other")), Ok(None));
    }

    #[test]
    fn a_killed_run_leaves_half_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (blake3::hash(b"1"), blake3::hash(b"2"));
        Record::open(folder.path()).expect("a record").keep("m", [(&first, &said("yes"))].into_iter()).expect("kept");
        let path = folder.path().join(JUDGEMENTS);
        let whole = std::fs::read(&path).expect("text");
        std::fs::write(&path, [&whole[..], &whole[..20]].concat()).expect("written");
        let record = Record::open(folder.path()).expect("a record");
        record.keep("m", [(&second, &said("no"))].into_iter()).expect("kept");
        let record = Record::open(folder.path()).expect("a record");
        assert_eq!((record.find(&first), record.find(&second)), (Ok(Some(said("yes"))), Ok(Some(said("no")))));
        std::fs::write(&path, [b"{}\n", &whole[..]].concat()).expect("written");
        let why = Record::open(folder.path()).expect_err("damaged").to_string();
        assert!(why.contains("line 1 is no judgement"), "{why}");
    }
}
