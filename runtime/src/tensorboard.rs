//! Event files that TensorBoard reads: every number of a step, an evaluation and its timing, as scalars.
//!
//! The format is two small ones in each other: a TFRecord (length, masked CRC-32C, bytes, masked CRC-32C) holds a protocol buffer
//! `tensorflow.Event`. Five fields are written, so they are encoded here; a library for both would bring a compiler of schemas with it.
//! Each process of a run writes a file of its own, which begins with `SessionLog.START`: TensorBoard then forgets the steps behind
//! the checkpoint that a resumed run went on from.

use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Name of the folder in a run folder.
pub const TENSORBOARD: &str = "tensorboard";

/// What is written reaches the file at least so often.
const FLUSH: Duration = Duration::from_secs(2);

/// An event file that grows.
#[derive(Debug)]
pub struct Events {
    file: BufWriter<File>,
    flushed: Instant,
}

impl Events {
    /// Begins the next file of a folder, at a step.
    pub fn begin(folder: &Path, step: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let files =
            fs::read_dir(folder)?.flatten().filter(|entry| entry.file_name().to_string_lossy().contains("tfevents"));
        let file = File::create_new(folder.join(format!("events.out.tfevents.{:010}.recipec", files.count())))?;
        let mut events = Self { file: BufWriter::new(file), flushed: Instant::now() };
        events.record(&event(None, |out| text_field(out, 3, "brain.Event:2")))?;
        // SessionLog { status = START }
        events.record(&event(Some(step), |out| bytes_field(out, 7, &[0x08, 0x01])))?;
        events.file.flush()?;
        Ok(events)
    }

    /// Writes every number of an object under its path. What is no number is passed over, lists too.
    pub fn scalars(&mut self, group: &str, step: u64, value: &Value) -> io::Result<()> {
        let mut values = Vec::new();
        flatten(group, value, &mut values);
        let mut summary = Vec::new();
        for (tag, number) in &values {
            let mut one = Vec::new();
            text_field(&mut one, 1, tag);
            // Field 2, four bytes.
            one.push(2 << 3 | 5);
            one.extend((*number as f32).to_le_bytes());
            bytes_field(&mut summary, 1, &one);
        }
        if summary.is_empty() {
            return Ok(());
        }
        self.record(&event(Some(step), |out| bytes_field(out, 5, &summary)))?;
        if self.flushed.elapsed() >= FLUSH {
            self.file.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }

    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        self.file.write_all(&length)?;
        self.file.write_all(&masked(&length).to_le_bytes())?;
        self.file.write_all(bytes)?;
        self.file.write_all(&masked(bytes).to_le_bytes())
    }
}

fn flatten(path: &str, value: &Value, values: &mut Vec<(String, f64)>) {
    match value {
        Value::Number(number) => values.extend(number.as_f64().map(|number| (path.to_string(), number))),
        Value::Object(fields) => {
            let of_the_line = |key: &str| matches!(key, "schema" | "step");
            for (key, value) in fields.iter().filter(|(key, _)| !of_the_line(key)) {
                flatten(&format!("{path}/{key}"), value, values);
            }
        }
        _ => {}
    }
}

/// `Event { wall_time = 1, step = 2, … }`
fn event(step: Option<u64>, what: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut out = vec![1 << 3 | 1];
    out.extend(now.to_le_bytes());
    if let Some(step) = step {
        out.push(2 << 3);
        varint(&mut out, step);
    }
    what(&mut out);
    out
}

fn text_field(out: &mut Vec<u8>, number: u8, text: &str) {
    bytes_field(out, number, text.as_bytes());
}

fn bytes_field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The checksum of a TFRecord.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file again: the events' bytes, with both checksums compared.
    fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut rest = bytes;
        let mut records = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(masked(&rest[..8]), u32::from_le_bytes(rest[8..12].try_into().unwrap()));
            let body = &rest[12..12 + length];
            assert_eq!(masked(body), u32::from_le_bytes(rest[12 + length..16 + length].try_into().unwrap()));
            records.push(body.to_vec());
            rest = &rest[16 + length..];
        }
        records
    }

    /// The masked checksum of `123456789`, whose CRC-32C is e3069283 in the catalogue of such codes: rotated by 15 bits that is
    /// 2507c60d, and the constant is added.
    #[test]
    fn checksums_are_masked() {
        assert_eq!(masked(b"123456789"), 0x2507_c60du32.wrapping_add(0xa282_ead8));
    }

    #[test]
    fn numbers_become_scalars_under_their_path() {
        let folder = tempfile::tempdir().unwrap();
        let line = serde_json::json!({"schema": 1, "step": 3, "stage": "a", "loss": 0.5, "lr": null,
            "domains": {"math": {"solve_rate": 0.25}}, "list": [1]});
        let mut events = Events::begin(folder.path(), 2).unwrap();
        events.scalars("step", 300, &line).unwrap();
        drop(events);
        drop(Events::begin(folder.path(), 2).unwrap());
        let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
        files.sort();
        assert_eq!(files.len(), 2);
        let found = records(&fs::read(&files[0]).unwrap());
        assert_eq!(found.len(), 3);
        assert!(found[0].ends_with(b"\x1a\x0dbrain.Event:2"));
        assert_eq!(&found[1][9..], [0x10, 2, 0x3a, 2, 8, 1]);
        // Step 300 is 0xac 0x02; then the summary with two values.
        assert_eq!(&found[2][9..12], [0x10, 0xac, 0x02]);
        let mut wanted = Vec::new();
        for (tag, value) in [("step/domains/math/solve_rate", 0.25f32), ("step/loss", 0.5)] {
            wanted.extend([0x0a, tag.len() as u8 + 7, 0x0a, tag.len() as u8]);
            wanted.extend(tag.as_bytes());
            wanted.push(0x15);
            wanted.extend(value.to_le_bytes());
        }
        assert_eq!(&found[2][12..14], [0x2a, wanted.len() as u8]);
        assert_eq!(&found[2][14..], wanted);
    }
}
