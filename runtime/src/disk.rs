//! Writes that a kill cannot tear: a file is there as a whole or not at all, and so is a folder.
//!
//! Every change to a checkpoint goes through here, one small operation after the other. Tests end a run after any number of them
//! (`faults`), which is how "whatever instant it is killed at" is tested rather than hoped for.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Writes a file under a temporary name beside it, syncs it, renames it and syncs the folder.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |draft| {
        let mut file = File::create(draft)?;
        file.write_all(bytes)
    })
}

/// As [`write_whole`], for a file that is written piece by piece by `write`, which is given the temporary name.
pub fn write_with(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = beside(path, ".partial");
    let written = step(Kind::Write(&draft), || write(&draft))
        .and_then(|()| step(Kind::Other, || File::open(&draft)?.sync_all()))
        .and_then(|()| step(Kind::Other, || fs::rename(&draft, path)))
        .and_then(|()| sync_folder_of(path));
    if written.is_err() {
        // Half a file is of no use, and on a full disk its space is.
        step(Kind::Other, || fs::remove_file(&draft)).ok();
    }
    written
}

/// Makes a folder that is not there yet.
pub fn make_folder(path: &Path) -> io::Result<()> {
    step(Kind::Write(path), || fs::create_dir(path))
}

/// Renames a file or folder and makes that durable.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step(Kind::Other, || fs::rename(from, to))?;
    sync_folder_of(to)
}

/// Removes a folder. It gets another name first, so that nobody ever finds half of it under its own.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    let gone = hidden(path, ".gone-");
    if gone.exists() {
        remove_pieces(&gone)?;
    }
    step(Kind::Other, || fs::rename(path, &gone))?;
    remove_pieces(&gone)
}

/// Removes a folder piece by piece.
pub fn remove_pieces(path: &Path) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for entry in entries {
        if fs::symlink_metadata(&entry)?.is_dir() {
            remove_pieces(&entry)?;
        } else {
            step(Kind::Other, || fs::remove_file(&entry))?;
        }
    }
    step(Kind::Other, || fs::remove_dir(path))
}

/// Makes the names in a folder durable. A folder cannot be opened for this everywhere; where it cannot, nothing is done.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    step(Kind::Other, || match File::open(path) {
        Ok(folder) => folder.sync_all(),
        Err(_) => Ok(()),
    })
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

/// BLAKE3 of a file in 64 hexadecimal digits, read piece by piece; `read` is told how many bytes each piece had.
pub fn digest(path: &Path, read: &mut dyn FnMut(u64)) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finalize().to_hex().to_string()),
            Ok(bytes) => {
                hasher.update(&piece[..bytes]);
                read(bytes as u64);
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
}

/// `a/b` to `a/b.partial`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// `a/b` to `a/.gone-b`: names that begin with a point are no checkpoints.
pub fn hidden(path: &Path, prefix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{prefix}{name}"))
}

/// What an operation needs.
#[cfg_attr(not(test), allow(dead_code))]
enum Kind<'a> {
    /// Space on the disk, for what is at this path.
    Write(&'a Path),
    /// None.
    Other,
}

#[cfg(not(test))]
fn step(_: Kind<'_>, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    act()
}

#[cfg(test)]
fn step(kind: Kind<'_>, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    use faults::Verdict;
    match faults::next(matches!(kind, Kind::Write(_))) {
        Verdict::Act => act(),
        Verdict::Fail(why) => Err(why),
        Verdict::Tear(why) => {
            act()?;
            if let Kind::Write(path) = kind
                && path.is_file()
            {
                let file = fs::OpenOptions::new().write(true).open(path)?;
                file.set_len(file.metadata()?.len() / 2)?;
            }
            Err(why)
        }
    }
}

/// Ends this thread's writing after so many operations: as a kill does, or as a full disk does.
#[cfg(test)]
pub(crate) mod faults {
    use std::cell::RefCell;
    use std::io;

    /// How writing ends.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// The process is gone: half of a write is done, and nothing after it.
        Killed,
        /// No write succeeds any more; whatever needs no space does.
        DiskFull,
    }

    pub(super) enum Verdict {
        Act,
        Fail(io::Error),
        Tear(io::Error),
    }

    #[derive(Default)]
    struct State {
        fault: Option<(Fault, usize)>,
        made: usize,
    }

    thread_local! {
        static STATE: RefCell<State> = RefCell::default();
    }

    /// Runs something under a fault after `after` operations; gives its result and how many operations were asked for.
    pub(crate) fn under<R>(fault: Fault, after: usize, run: impl FnOnce() -> R) -> (R, usize) {
        STATE.with_borrow_mut(|state| *state = State { fault: Some((fault, after)), made: 0 });
        let result = run();
        (result, STATE.with_borrow_mut(|state| std::mem::take(state).made))
    }

    pub(super) fn next(writes: bool) -> Verdict {
        STATE.with_borrow_mut(|state| {
            let at = state.made;
            state.made += 1;
            match state.fault {
                Some((Fault::Killed, after)) if at == after => Verdict::Tear(io::Error::other("killed")),
                Some((Fault::Killed, after)) if at > after => Verdict::Fail(io::Error::other("killed")),
                Some((Fault::DiskFull, after)) if at >= after && writes => {
                    Verdict::Tear(io::Error::from(io::ErrorKind::StorageFull))
                }
                _ => Verdict::Act,
            }
        })
    }
}
