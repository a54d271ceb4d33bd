//! Which CPython runs programs, and which files it needs.

use super::Unavailable;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment variable that names the interpreter; without it, it is `python3` of the `PATH`.
pub const PYTHON: &str = "RECIPEC_PYTHON";

/// Asks an interpreter for its files: one word and one path a line. It loads the extension modules, so that the libraries that they
/// need are among those that the loader tells, under the names by which it finds them.
const QUESTION: &str = r#"
import sys, os, sysconfig, ctypes
if sys.implementation.name != "cpython" or sys.version_info < (3, 9):
    print("version", "%s %d.%d" % (sys.implementation.name, sys.version_info[0], sys.version_info[1])); sys.exit()
tell = lambda word, path: print(word, os.fsdecode(path))
tell("program", os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))
for name in ("stdlib", "platstdlib"):
    tell("folder", sysconfig.get_path(name, vars={"base": sys.base_prefix, "platbase": sys.base_exec_prefix,
         "installed_base": sys.base_prefix, "installed_platbase": sys.base_exec_prefix}))
avoided = {"_tkinter", "_dbm", "_gdbm", "readline", "_curses", "_curses_panel", "nis", "ossaudiodev", "_crypt", "spwd"}
for folder in {os.path.dirname(place) for place in (getattr(sys.modules.get(n), "__file__", None) for n in
               ("_ctypes", "_struct", "_json", "math", "_posixsubprocess")) if place}:
    for name in sorted(os.listdir(folder)):
        module = name.split(".")[0]
        if name.endswith(".so") and module not in avoided and not module.startswith(("_test", "xx")):
            try: __import__(module)
            except Exception: pass
class Info(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]
Seen = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
def seen(info, size, data):
    name = info.contents.name
    if name and name.startswith(b"/"): tell("library", name)
    return 0
ctypes.CDLL(None).dl_iterate_phdr(Seen(seen), None)
"#;

/// A CPython and the files that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The executable, without links.
    pub program: PathBuf,
    /// Folders of the standard library.
    pub(super) folders: BTreeSet<PathBuf>,
    /// Shared libraries, by the names under which the loader looks for them.
    pub(super) libraries: BTreeSet<PathBuf>,
}

impl Interpreter {
    /// The interpreter that is set in the environment ([`PYTHON`]), else `python3`. It is run once, to learn its files.
    pub fn find() -> Result<Self, Unavailable> {
        Self::at(&std::env::var_os(PYTHON).unwrap_or_else(|| OsString::from("python3")))
    }

    /// The interpreter of a name or path, such as a shim or a virtual environment's.
    pub fn at(program: &OsString) -> Result<Self, Unavailable> {
        let name = Path::new(program).display();
        let answer = Command::new(program)
            .args(["-I", "-S", "-B", "-X", "utf8", "-c", QUESTION])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(|why| {
                Unavailable(format!("there is no CPython: `{name}` cannot be run ({why}); set {PYTHON} to a python3"))
            })?;
        let text = String::from_utf8_lossy(&answer.stdout);
        if !answer.status.success() {
            let last = String::from_utf8_lossy(&answer.stderr).lines().last().unwrap_or("nothing said").to_owned();
            return Err(Unavailable(format!("`{name}` does not tell where its files are: {last}")));
        }
        let mut found = Self { program: PathBuf::new(), folders: BTreeSet::new(), libraries: BTreeSet::new() };
        for (word, path) in text.lines().filter_map(|line| line.split_once(' ')) {
            match word {
                "version" => {
                    return Err(Unavailable(format!("`{name}` is {path}; CPython 3.9 or newer is needed")));
                }
                "program" => found.program = path.into(),
                "folder" => drop(found.folders.insert(path.into())),
                "library" => drop(found.libraries.insert(path.into())),
                _ => {}
            }
        }
        // Libraries inside the standard library's folders come with them.
        let folders = found.folders.clone();
        found.libraries.retain(|library| !folders.iter().any(|folder| library.starts_with(folder)));
        if found.program.as_os_str().is_empty() || found.folders.is_empty() {
            return Err(Unavailable(format!("`{name}` does not tell where its files are")));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_real_one() {
        let found = Interpreter::find().expect("a python3 on this machine");
        assert!(
            found.program.is_file()
                && found.folders.iter().all(|folder| folder.join("os.py").is_file() || folder.is_dir())
        );
        assert!(found.libraries.iter().any(|library| library.to_string_lossy().contains("libc")));
    }

    #[test]
    fn says_what_is_missing() {
        let why = Interpreter::at(&"no-such-python".into()).expect_err("not there").to_string();
        assert!(why.starts_with("there is no CPython: `no-such-python` cannot be run"), "{why}");
        let why = Interpreter::at(&"/bin/false".into()).expect_err("no Python").to_string();
        assert!(why.contains("does not tell where its files are"), "{why}");
    }
}
