//! The outer walls: a child process in namespaces of its own, with a root that holds the interpreter's files and nothing else.
//!
//! All that the child needs is made before it is: between `clone` and `exec` it makes system calls only, since another thread of this
//! process may hold any lock at that moment. What fails there comes back by a pipe, as a step and an error number.

use super::{Interpreter, Unavailable};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The user and group number, on the host, of judged programs when root runs them: nobody.
const NOBODY: u32 = 65_534;

/// Where judged programs find their folder; a memory file system is put over it for every test.
const BOX: &str = "/box";

/// Namespaces of the driver. Times need none: programs may see the clock.
const NAMESPACES: libc::c_int = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// A child in a jail. Ending it ends every process inside.
#[derive(Debug)]
pub(super) struct Jailed {
    /// The process number, in this process's view. It stays taken until the child is waited for.
    pub pid: libc::pid_t,
    ended: bool,
    /// Orders; closing it ends the driver.
    pub orders: File,
    /// Tests.
    pub tests: File,
    /// Outcomes.
    pub outcomes: File,
    /// What the driver says of its own failures.
    pub complaints: File,
}

impl Jailed {
    /// Kills everything inside, and returns when nothing of it is left.
    pub fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        // SAFETY: plain calls with a process number that is ours until it is waited for. The first process of a pid
        // namespace is only reaped after all others in it.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            while libc::waitpid(self.pid, std::ptr::null_mut(), 0) < 0 && errno() == libc::EINTR {}
        }
    }
}

impl Drop for Jailed {
    fn drop(&mut self) {
        self.end();
    }
}

/// One thing to make in the new root.
#[derive(Debug)]
enum Make {
    Folder(CString),
    File(CString),
    /// Show a file or folder of the host, read-only.
    Bind {
        source: CString,
        target: CString,
        device: bool,
    },
    /// Cover a folder with an empty one.
    Cover(CString),
}

/// Everything that the child needs.
#[derive(Debug)]
pub(super) struct Plan {
    makes: Vec<Make>,
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    /// True when root runs this: the program gets another user's number.
    root: bool,
}

/// What the driver is told about users: the number, inside, of the user that programs run as; 0 where there is only one.
pub(super) fn program_user() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    u32::from(unsafe { libc::geteuid() } == 0)
}

impl Plan {
    /// A plan to run `interpreter` with `arguments` behind its name.
    pub fn new(interpreter: &Interpreter, arguments: &[&str]) -> Result<Self, Unavailable> {
        let mut folders: BTreeSet<PathBuf> = [BOX, "/tmp", "/dev"].map(PathBuf::from).into();
        let mut makes = Vec::new();
        let mut show = |path: &Path, device: bool| -> Result<(), Unavailable> {
            let real = path.canonicalize().map_err(|why| Unavailable(format!("{}: {why}", path.display())))?;
            let (source, target) = (text(&Path::new("/old").join(strip(&real)))?, text(&within(path))?);
            folders.extend(path.parent().into_iter().flat_map(Path::ancestors).map(Path::to_path_buf));
            if real.is_dir() {
                folders.insert(path.to_path_buf());
            } else {
                makes.push(Make::File(target.clone()));
            }
            makes.push(Make::Bind { source, target: target.clone(), device });
            // Packages that this host happens to have would make verdicts differ between hosts.
            for packages in ["site-packages", "dist-packages"].map(|name| real.join(name)) {
                if packages.is_dir() {
                    makes.push(Make::Cover(text(&within(&path.join(packages.file_name().unwrap_or_default())))?));
                }
            }
            Ok(())
        };
        for path in interpreter.folders.iter().chain(&interpreter.libraries).chain([&interpreter.program]) {
            show(path, false)?;
        }
        // Where the loader's list is, names of libraries are found outside of its standard folders too.
        let list = Path::new("/etc/ld.so.cache");
        if list.is_file() {
            show(list, false)?;
        }
        for device in ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"] {
            show(Path::new(device), true)?;
        }
        let mut all = Vec::new();
        for folder in folders.iter().filter(|folder| folder.as_os_str() != "/") {
            all.push(Make::Folder(text(&within(folder))?));
        }
        all.append(&mut makes);
        let words = [interpreter.program.as_os_str().as_bytes(), b"-s", b"-S", b"-B"];
        let words = words.into_iter().chain(arguments.iter().map(|word| word.as_bytes()));
        Ok(Self {
            makes: all,
            program: text(&interpreter.program)?,
            arguments: words.map(|word| CString::new(word).map_err(nul)).collect::<Result<_, _>>()?,
            // Texts hash alike on every machine, and are UTF-8; threads share one pool of memory, since a pool each would use up the
            // addresses that a program may have. Programs see an empty environment.
            environment: [c"PYTHONHASHSEED=0", c"PYTHONUTF8=1", c"MALLOC_ARENA_MAX=1"].map(CString::from).into(),
            root: program_user() != 0,
        })
    }

    /// Starts the child.
    pub fn start(&self) -> Result<Jailed, Unavailable> {
        let failed = |what: &str| Unavailable(format!("{what}: {}", std::io::Error::last_os_error()));
        let pair = || pipe().map_err(|why| Unavailable(format!("no pipe can be made: {why}")));
        let ((orders_in, orders), (tests_in, tests), (outcomes, outcomes_out)) = (pair()?, pair()?, pair()?);
        let ((complaints, complaints_out), (go_in, go), (errors, errors_out)) = (pair()?, pair()?, pair()?);
        let ends = Ends {
            given: [&orders_in, &tests_in, &outcomes_out].map(|end| end.as_raw_fd()),
            complaints: complaints_out.as_raw_fd(),
            go: go_in.as_raw_fd(),
            // The child must see the end of this pipe when this process gives up.
            go_out: go.as_raw_fd(),
            errors: errors_out.as_raw_fd(),
        };
        let pointers = |words: &[CString]| -> Vec<*const libc::c_char> {
            words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environment));
        // SAFETY: with no stack given, `clone` makes a child as `fork` does. The child runs `enter` only, which makes system calls with
        // data that was made before, and never returns. Signals are held back meanwhile, so that no handler of this process runs there.
        let pid = unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            let flags = libc::c_long::from(NAMESPACES | libc::SIGCHLD);
            let pid = libc::syscall(
                libc::SYS_clone,
                flags,
                0 as libc::c_long,
                0 as libc::c_long,
                0 as libc::c_long,
                0 as libc::c_long,
            );
            if pid == 0 {
                self.enter(&ends, arguments.as_ptr(), environment.as_ptr());
            }
            let why = errno();
            libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
            *libc::__errno_location() = why;
            pid
        };
        if pid < 0 {
            return Err(failed(
                "no namespaces can be made (are unprivileged user namespaces switched off, or is this a container without them?)",
            ));
        }
        let mut jailed = Jailed {
            pid: pid as libc::pid_t,
            ended: false,
            orders: orders.into(),
            tests: tests.into(),
            outcomes: outcomes.into(),
            complaints: complaints.into(),
        };
        drop((orders_in, tests_in, outcomes_out, complaints_out, go_in, errors_out));
        self.map_users(jailed.pid)?;
        File::from(go).write_all(b"g").map_err(|why| Unavailable(format!("the sandbox does not start: {why}")))?;
        let mut told = Vec::new();
        let _ = File::from(errors).read_to_end(&mut told);
        if let Ok([step, error]) = <[u8; 8]>::try_from(told.as_slice()).map(halves) {
            jailed.end();
            let why = std::io::Error::from_raw_os_error(error);
            return Err(Unavailable(format!("{}: {why}", self.step(step))));
        }
        Ok(jailed)
    }

    /// Tells the kernel who the users inside are on the host: root inside is whoever runs this, without rights on the host. If that is
    /// root, programs are nobody.
    fn map_users(&self, pid: libc::pid_t) -> Result<(), Unavailable> {
        let write = |name: &str, text: String| {
            std::fs::write(format!("/proc/{pid}/{name}"), text)
                .map_err(|why| Unavailable(format!("users of the sandbox cannot be set (/proc/…/{name}): {why}")))
        };
        // SAFETY: both take nothing and cannot fail.
        let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
        if self.root {
            write("uid_map", format!("0 {user} 1\n1 {NOBODY} 1\n"))?;
            write("gid_map", format!("0 {group} 1\n1 {NOBODY} 1\n"))?;
        } else {
            write("setgroups", "deny".into())?;
            write("uid_map", format!("0 {user} 1\n"))?;
            write("gid_map", format!("0 {group} 1\n"))?;
        }
        // If the host runs out of memory all the same, it takes this before anything else.
        let _ = write("oom_score_adj", "1000".into());
        Ok(())
    }

    /// A step of the child, in words.
    fn step(&self, step: i32) -> String {
        match usize::try_from(step).ok().and_then(|step| STEPS.get(step)) {
            Some(words) => (*words).to_owned(),
            None => match usize::try_from(step).ok().and_then(|step| self.makes.get(step - STEPS.len())) {
                Some(Make::Folder(at) | Make::File(at) | Make::Cover(at)) => format!("the sandbox cannot make {at:?}"),
                Some(Make::Bind { source, .. }) => format!("the sandbox cannot show {source:?}"),
                None => "the sandbox does not start".into(),
            },
        }
    }

    /// What the child does. Only system calls: no allocation, no lock, no panic.
    ///
    /// # Safety
    /// To be called in the child of `clone` only; `arguments` and `environment` end with a null pointer.
    unsafe fn enter(
        &self,
        ends: &Ends,
        arguments: *const *const libc::c_char,
        environment: *const *const libc::c_char,
    ) -> ! {
        let mut step: i32 = 0;
        let mut errors = ends.errors;
        macro_rules! step {
            ($call:expr) => {{
                // SAFETY: a system call with pointers to data that lives as long as this function.
                let answer = unsafe { $call };
                if answer < 0 {
                    // SAFETY: this is the child.
                    unsafe { give_up(errors, step) }
                }
                answer
            }};
        }
        let nothing = std::ptr::null();
        // SAFETY: system calls on descriptors that this function owns in its own process.
        unsafe {
            libc::close(ends.go_out);
            let mut byte = 0_u8;
            if libc::read(ends.go, (&raw mut byte).cast(), 1) != 1 {
                libc::_exit(1);
            }
            for signal in 1..=64 {
                libc::signal(signal, libc::SIG_DFL);
            }
            libc::setsid();
        }
        // 0: a file system in memory becomes the root, with the host's below it for now.
        step!(libc::mount(nothing, c"/".as_ptr(), nothing, libc::MS_REC | libc::MS_PRIVATE, nothing.cast()));
        let (memory, safe) = (c"tmpfs".as_ptr(), libc::MS_NOSUID | libc::MS_NODEV);
        let size = c"size=1m,nr_inodes=4096,mode=0755".as_ptr();
        step = 1;
        step!(libc::mount(memory, c"/tmp".as_ptr(), memory, safe, size.cast()));
        step = 2;
        step!(libc::chdir(c"/tmp".as_ptr()));
        step!(libc::mkdir(c"new".as_ptr(), 0o755));
        step!(libc::mkdir(c"old".as_ptr(), 0o755));
        step!(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c"old".as_ptr()));
        step!(libc::chdir(c"/".as_ptr()));
        step!(libc::mount(memory, c"/new".as_ptr(), memory, safe, size.cast()));
        for (nth, make) in self.makes.iter().enumerate() {
            step = (STEPS.len() + nth) as i32;
            match make {
                Make::Folder(at) => {
                    step!(libc::mkdir(at.as_ptr(), 0o755));
                }
                Make::File(at) => {
                    step!(libc::mknod(at.as_ptr(), libc::S_IFREG | 0o644, 0));
                }
                Make::Bind { source, target, device } => {
                    let flags = libc::MS_BIND | libc::MS_REC;
                    step!(libc::mount(source.as_ptr(), target.as_ptr(), nothing, flags, nothing.cast()));
                    let rights = if *device { NO_SETUID } else { NO_SETUID | NO_DEVICES | READ_ONLY };
                    step!(restrict(target.as_ptr(), RECURSIVE, rights));
                }
                Make::Cover(at) => {
                    let flags = safe | libc::MS_RDONLY;
                    step!(libc::mount(memory, at.as_ptr(), memory, flags, c"size=4k,mode=0755".as_ptr().cast()));
                }
            }
        }
        step = 3;
        step!(libc::umount2(c"/old".as_ptr(), libc::MNT_DETACH));
        step!(libc::chdir(c"/new".as_ptr()));
        step!(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()));
        step!(libc::umount2(c".".as_ptr(), libc::MNT_DETACH));
        step!(libc::chdir(c"/".as_ptr()));
        step!(restrict(c"/".as_ptr(), 0, NO_SETUID | NO_DEVICES | READ_ONLY));
        step = 4;
        step!(libc::sethostname(c"sandbox".as_ptr(), 7));
        // Descriptors: first out of the way, then to their places; all others are closed by `exec`.
        step = 5;
        let mut moved = [-1; 4];
        for (end, place) in ends.given.into_iter().chain([ends.errors]).zip(&mut moved) {
            *place = step!(libc::fcntl(end, libc::F_DUPFD, 64));
        }
        errors = moved[3];
        let null = step!(libc::open(c"/dev/null".as_ptr(), libc::O_RDWR));
        step!(libc::dup2(null, 0));
        step!(libc::dup2(null, 1));
        step!(libc::dup2(ends.complaints, 2));
        for (end, place) in moved.into_iter().zip([3, 4, 5, 6]) {
            step!(libc::dup2(end, place));
        }
        // The errors' pipe is at 6 now; `exec` closes it too.
        errors = 6;
        step!(libc::syscall(libc::SYS_close_range, 6 as libc::c_uint, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC));
        // SAFETY: a set of signals is plain numbers, filled by the first call.
        unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        }
        step = 6;
        step!(libc::execve(self.program.as_ptr(), arguments, environment));
        // SAFETY: ends this process.
        unsafe { libc::_exit(1) }
    }
}

/// Descriptors of the child, before they are moved to their places.
#[derive(Debug, Clone, Copy)]
struct Ends {
    given: [RawFd; 3],
    complaints: RawFd,
    go: RawFd,
    go_out: RawFd,
    errors: RawFd,
}

/// The child's steps before and after those of the plan, for messages.
const STEPS: [&str; 7] = [
    "the sandbox cannot have mounts of its own (on Ubuntu 24.04, `kernel.apparmor_restrict_unprivileged_userns` forbids it)",
    "the sandbox cannot mount a file system in memory over /tmp",
    "the sandbox cannot change its root",
    "the sandbox cannot leave the host's files",
    "the sandbox cannot set its host name",
    "the sandbox cannot set its descriptors (Linux 5.14 or newer is needed)",
    "the sandbox cannot start the interpreter",
];

// From linux/mount.h.
const READ_ONLY: u64 = 1;
const NO_SETUID: u64 = 2;
const NO_DEVICES: u64 = 4;
const RECURSIVE: libc::c_uint = 0x8000;

/// Takes rights from a mount.
///
/// # Safety
/// `at` is a text that ends with a zero byte.
unsafe fn restrict(at: *const libc::c_char, how: libc::c_uint, rights: u64) -> libc::c_long {
    let attributes: [u64; 4] = [rights, 0, 0, 0];
    // SAFETY: the structure is four numbers of 64 bits, and its size is told.
    unsafe { libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, at, how, attributes.as_ptr(), 32_usize) }
}

/// Tells the parent what failed, and ends the child.
///
/// # Safety
/// To be called in the child only.
unsafe fn give_up(errors: RawFd, step: i32) -> ! {
    let ([a, b, c, d], [e, f, g, h]) = (step.to_ne_bytes(), errno().to_ne_bytes());
    let told = [a, b, c, d, e, f, g, h];
    // SAFETY: the bytes live until the call returns.
    unsafe {
        libc::write(errors, told.as_ptr().cast(), told.len());
        libc::_exit(1)
    }
}

fn halves([a, b, c, d, e, f, g, h]: [u8; 8]) -> [i32; 2] {
    [i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h])]
}

fn errno() -> i32 {
    // SAFETY: the pointer is this thread's own.
    unsafe { *libc::__errno_location() }
}

/// A pipe whose ends no other program inherits: the end to read from, then the other.
fn pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: the call fills two numbers; they are owned by nobody else.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

fn strip(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn within(path: &Path) -> PathBuf {
    Path::new("/new").join(strip(path))
}

fn text(path: &Path) -> Result<CString, Unavailable> {
    CString::new(path.as_os_str().as_bytes()).map_err(nul)
}

fn nul(_: std::ffi::NulError) -> Unavailable {
    Unavailable("a path of the interpreter has a NUL character".into())
}
