//! The archive: a tar file in one form only. Files lie in the order of the manifest, which is the first of them; headers hold a name, a
//! length and constants. What is not exactly what [`write()`] writes is refused, so there is nothing to be clever about: no links, no
//! folders, no extensions, no second entry, nothing behind the end.

use super::manifest::{LONGEST_PATH, MANIFEST, MOST_FILES, Manifest};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

const BLOCK: u64 = 512;
/// The end: two empty blocks.
const END: u64 = 2 * BLOCK;

/// Why an archive is not taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub String);

/// A file in an archive.
#[derive(Debug)]
pub struct Entry {
    /// Its path.
    pub path: String,
    /// Where its bytes begin.
    start: u64,
    /// How many they are.
    bytes: u64,
}

impl Entry {
    /// Copies it to a new file.
    pub fn copy(&self, archive: &mut File, to: &Path) -> io::Result<()> {
        archive.seek(SeekFrom::Start(self.start))?;
        let mut out = File::create_new(to)?;
        let copied = io::copy(&mut Read::take(&mut *archive, self.bytes), &mut out)?;
        if copied != self.bytes {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        out.sync_all()
    }
}

/// The header of a file (POSIX.1-1988 ustar): name, mode, owner, length, time, sum, type, magic. Owner and time are 0.
fn header(path: &str, bytes: u64) -> [u8; BLOCK as usize] {
    let mut block = [0u8; BLOCK as usize];
    let mut put = |at: usize, text: &[u8]| {
        if let Some(place) = block.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    };
    put(0, path.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{bytes:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // The sum is taken with blanks in its place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = block.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    block
}

/// Bytes from the end of a file to the next block.
fn padding(bytes: u64) -> u64 {
    (BLOCK - bytes % BLOCK) % BLOCK
}

/// The longest file that a header can tell of: eleven octal digits.
const LONGEST: u64 = (1 << 33) - 1;

/// Writes an archive of files below a folder.
pub fn write(place: &Path, manifest: &Manifest, folder: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(place)?);
    let text = manifest.text();
    out.write_all(&header(MANIFEST, text.len() as u64))?;
    out.write_all(text.as_bytes())?;
    out.write_all(&vec![0; padding(text.len() as u64) as usize])?;
    for file in &manifest.files {
        if file.bytes > LONGEST {
            return Err(io::Error::other(format!("`{}` is too long for an archive", file.path)));
        }
        out.write_all(&header(&file.path, file.bytes))?;
        let mut digest = blake3::Hasher::new();
        let mut from = BufReader::new(File::open(folder.join(&file.path))?).take(file.bytes);
        let mut buffer = vec![0; 1 << 16];
        let mut copied = 0u64;
        loop {
            let n = from.read(&mut buffer)?;
            let Some(piece) = buffer.get(..n).filter(|piece| !piece.is_empty()) else { break };
            digest.update(piece);
            out.write_all(piece)?;
            copied += n as u64;
        }
        if copied != file.bytes || digest.finalize().to_hex().as_str() != file.blake3 {
            return Err(io::Error::other(format!("`{}` was changed while it was packed", file.path)));
        }
        out.write_all(&vec![0; padding(file.bytes) as usize])?;
    }
    out.write_all(&[0; END as usize])?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Reads an archive to its end: every header, every digest, every byte of padding. Nothing is written.
pub fn read(file: &mut File, most: u64) -> Result<(Manifest, Vec<Entry>), Refused> {
    let failed = |why: io::Error| Refused(format!("cannot be read: {why}"));
    let length = file.metadata().map_err(failed)?.len();
    // A header for every file, and less than a block of padding; the manifest is a line or four for each of them.
    let longest = most.saturating_add((MOST_FILES as u64 + 2) * 4 * BLOCK);
    if length > longest {
        return Err(Refused(format!(
            "it has {length} bytes, more than {most} and what belongs to them (`--max-bytes`)"
        )));
    }
    let mut reader = BufReader::new(&mut *file);
    let mut at = 0u64;
    let (path, bytes) = entry(&mut reader, &mut at, 0)?;
    if path != MANIFEST {
        return Err(Refused(format!("it begins with `{}` and not with `{MANIFEST}`", path.escape_default())));
    }
    if bytes > MOST_FILES as u64 * BLOCK || bytes > length {
        return Err(Refused(format!("`{MANIFEST}` says that it has {bytes} bytes")));
    }
    let mut text = vec![0; bytes as usize];
    reader.read_exact(&mut text).map_err(|_| cut(MANIFEST))?;
    let manifest = Manifest::read(&text, most)?;
    at += bytes;
    pad(&mut reader, &mut at, bytes, MANIFEST)?;
    let mut entries = Vec::new();
    for (place, wanted) in manifest.files.iter().enumerate() {
        let (path, bytes) = entry(&mut reader, &mut at, place + 1)?;
        if path != wanted.path {
            let found = path.escape_default().to_string();
            return Err(Refused(format!("`{}` should stand where `{found}` is", wanted.path)));
        }
        if bytes != wanted.bytes {
            return Err(Refused(format!("`{path}` has {bytes} bytes, and the manifest says {}", wanted.bytes)));
        }
        let start = at;
        let mut digest = blake3::Hasher::new();
        let mut piece = (&mut reader).take(bytes);
        digest.update_reader(&mut piece).map_err(failed)?;
        if piece.limit() > 0 {
            return Err(cut(&path));
        }
        let found = digest.finalize().to_hex().to_string();
        if found != wanted.blake3 {
            let was = &wanted.blake3;
            return Err(Refused(format!("`{path}` is not what was packed\n      packed {was}\n      found  {found}")));
        }
        at += bytes;
        pad(&mut reader, &mut at, bytes, &path)?;
        entries.push(Entry { path, start, bytes });
    }
    let mut end = Vec::new();
    reader.take(END + 1).read_to_end(&mut end).map_err(failed)?;
    if end.iter().any(|byte| *byte != 0) || end.len() as u64 > END {
        return Err(Refused("something stands behind the last file of the manifest".into()));
    }
    if end.len() as u64 != END {
        return Err(Refused("its end is missing".into()));
    }
    Ok((manifest, entries))
}

fn cut(path: &str) -> Refused {
    Refused(format!("it ends within `{}`", path.escape_default()))
}

/// Name and length of the next file.
fn entry(reader: &mut impl Read, at: &mut u64, number: usize) -> Result<(String, u64), Refused> {
    let mut block = [0u8; BLOCK as usize];
    reader.read_exact(&mut block).map_err(|_| Refused(format!("it ends before its file number {number}")))?;
    *at += BLOCK;
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let name: Vec<u8> = field(0, LONGEST_PATH).iter().copied().take_while(|byte| *byte != 0).collect();
    let name =
        String::from_utf8(name).map_err(|_| Refused(format!("the name of its file number {number} is not UTF-8")))?;
    let kind = field(156, 157).first().copied().unwrap_or(0);
    let shown = name.escape_default();
    if kind != b'0' {
        let what = match kind {
            b'1' => "a hard link",
            b'2' => "a link",
            b'3' | b'4' => "a device",
            b'5' => "a folder",
            b'6' => "a pipe",
            _ => "an extension of the format",
        };
        return Err(Refused(format!("`{shown}` is {what}, and a pack holds files only")));
    }
    let octal = std::str::from_utf8(field(124, 135)).ok().and_then(|text| u64::from_str_radix(text, 8).ok());
    let bytes = octal.ok_or_else(|| Refused(format!("the length of `{shown}` is no number")))?;
    if block != header(&name, bytes) {
        return Err(Refused(format!("the header of `{shown}` is not as a pack has it")));
    }
    Ok((name, bytes))
}

fn pad(reader: &mut impl Read, at: &mut u64, bytes: u64, path: &str) -> Result<(), Refused> {
    let mut rest = vec![0; padding(bytes) as usize];
    reader.read_exact(&mut rest).map_err(|_| cut(path))?;
    *at += rest.len() as u64;
    match rest.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(Refused(format!("something is hidden behind the end of `{}`", path.escape_default()))),
    }
}
