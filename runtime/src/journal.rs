//! Appends to the files of a run folder, and knows how long each of them is, so that a resumed run can cut off what was written
//! after its checkpoint.

use crate::error::RunError;
use crate::run_folder::{EVALUATIONS, METRICS, ROLLOUTS, TIMING};
use crate::tensorboard::{Events, TENSORBOARD};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Name of the file for people.
pub const LOG: &str = "log.txt";

/// Files that a checkpoint knows the length of.
const FILES: [&str; 5] = [METRICS, TIMING, EVALUATIONS, ROLLOUTS, LOG];

/// The growing files of a run folder.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    open: BTreeMap<&'static str, File>,
    events: Option<Events>,
}

impl Journal {
    /// The journal of a run folder. Files appear when something is written to them.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), open: BTreeMap::new(), events: None }
    }

    /// A line of `metrics.jsonl`, `timing.jsonl` or `evaluations.jsonl`.
    pub fn line(&mut self, name: &'static str, value: &impl Serialize) -> Result<(), RunError> {
        let mut text = serde_json::to_vec(value)
            .map_err(|why| RunError::Damaged { path: self.folder.join(name), why: why.to_string() })?;
        text.push(b'\n');
        self.append(name, &text)
    }

    /// Every number of an object, for TensorBoard: `group/path/of/keys` at a step of the run.
    pub fn scalars(&mut self, group: &str, step: u64, value: &impl Serialize) -> Result<(), RunError> {
        let folder = self.folder.join(TENSORBOARD);
        let failed = |why| RunError::io("cannot write", &folder)(why);
        let events = match &mut self.events {
            Some(events) => events,
            None => self.events.insert(Events::begin(&folder, step).map_err(failed)?),
        };
        let value = serde_json::to_value(value).unwrap_or_default();
        events.scalars(group, step, &value).map_err(failed)
    }

    /// Lines of `rollouts.jsonl.gz`, as one gzip member.
    pub fn rollouts(&mut self, values: &[impl Serialize]) -> Result<(), RunError> {
        if values.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(ROLLOUTS);
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        for value in values {
            let text = serde_json::to_vec(value)
                .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
            member.write_all(&text).map_err(RunError::io("cannot compress for", &path))?;
            member.write_all(b"\n").map_err(RunError::io("cannot compress for", &path))?;
        }
        let bytes = member.finish().map_err(RunError::io("cannot compress for", &path))?;
        self.append(ROLLOUTS, &bytes)
    }

    /// A line of `log.txt`.
    pub fn log(&mut self, message: &str) -> Result<(), RunError> {
        self.append(LOG, format!("{message}\n").as_bytes())
    }

    fn append(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.folder.join(name);
        if !self.open.contains_key(name) {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            self.open.insert(name, file.map_err(RunError::io("cannot open", &path))?);
        }
        if let Some(file) = self.open.get_mut(name) {
            file.write_all(bytes).map_err(RunError::io("cannot write", &path))?;
        }
        Ok(())
    }

    /// Length of every file in bytes, after all of it has reached the disk.
    pub fn lengths(&mut self) -> Result<BTreeMap<String, u64>, RunError> {
        let mut lengths = BTreeMap::new();
        for name in FILES {
            let path = self.folder.join(name);
            if let Some(file) = self.open.get_mut(name) {
                file.sync_data().map_err(RunError::io("cannot write", &path))?;
            }
            let length = match std::fs::metadata(&path) {
                Ok(found) => found.len(),
                Err(why) if why.kind() == std::io::ErrorKind::NotFound => 0,
                Err(why) => return Err(RunError::io("cannot read", &path)(why)),
            };
            lengths.insert(name.to_string(), length);
        }
        Ok(lengths)
    }

    /// Begins with the files of another run folder, each up to a length.
    pub fn take_over(&mut self, run: &Path, lengths: &BTreeMap<String, u64>) -> Result<(), RunError> {
        for name in FILES {
            let length = lengths.get(name).copied().unwrap_or(0);
            if length == 0 {
                continue;
            }
            let (from, to) = (run.join(name), self.folder.join(name));
            let mut source = File::open(&from).map_err(RunError::io("cannot read", &from))?.take(length);
            let mut target = File::create(&to).map_err(RunError::io("cannot make", &to))?;
            let copied = std::io::copy(&mut source, &mut target).map_err(RunError::io("cannot write", &to))?;
            target.sync_data().map_err(RunError::io("cannot write", &to))?;
            if copied < length {
                let why = format!("it has {copied} bytes, and had {length} at the checkpoint");
                return Err(RunError::Damaged { path: from, why });
            }
        }
        Ok(())
    }

    /// Cuts every file to the length that it had at a checkpoint.
    pub fn cut(&mut self, lengths: &BTreeMap<String, u64>) -> Result<(), RunError> {
        self.open.clear();
        for name in FILES {
            let path = self.folder.join(name);
            let wanted = lengths.get(name).copied().unwrap_or(0);
            let mut file = match OpenOptions::new().write(true).open(&path) {
                Ok(file) => file,
                Err(why) if why.kind() == std::io::ErrorKind::NotFound && wanted == 0 => continue,
                Err(why) => return Err(RunError::io("cannot open", &path)(why)),
            };
            let found = file.seek(SeekFrom::End(0)).map_err(RunError::io("cannot read", &path))?;
            if found < wanted {
                return Err(RunError::Damaged {
                    path,
                    why: format!("it has {found} bytes, and had {wanted} at the checkpoint"),
                });
            }
            file.set_len(wanted).map_err(RunError::io("cannot write", &path))?;
        }
        Ok(())
    }
}
