//! The walls, from both sides. These tests need a machine that can give a sandbox, and fail without one: a sandbox that is not
//! tested is none.

use super::*;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn worker() -> Worker {
    Worker::start().unwrap_or_else(|why| panic!("no sandbox on this machine: {why}"))
}

fn small() -> Limits {
    Limits { memory_bytes: 256 << 20, wall_seconds: 2.0, ..Limits::with_cpu(0.3) }
}

fn run(worker: &mut Worker, program: &str, limits: &Limits) -> Outcome {
    worker.run(program, Task::Script { input: "" }, limits).unwrap_or_else(|why| panic!("{why}"))
}

/// Bytes of memory of a test's processes, each page counted once however many forks share it.
fn memory(driver: i32) -> u64 {
    let share = |pid: i32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
    };
    watch::below(driver).into_iter().filter(|(_, depth)| *depth >= 2).filter_map(|(pid, _)| share(pid)).sum()
}

/// Runs a program; the most bytes of memory that its processes were seen with at once, looked at every millisecond.
fn watched(worker: &mut Worker, program: &str, limits: &Limits) -> (Outcome, u64) {
    let (pid, stop, most) = (worker.pid(), AtomicBool::new(false), AtomicU64::new(0));
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(memory(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let outcome = run(worker, program, limits);
        stop.store(true, Ordering::Relaxed);
        outcome
    });
    (outcome, most.load(Ordering::Relaxed))
}

/// What a program prints in a sandbox; panics where it fails.
fn prints(program: &str) -> String {
    let outcome = run(&mut worker(), program, &Limits::with_cpu(5.0));
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!((outcome.ending, said.as_ref()), (Ending::Exit(0), ""));
    String::from_utf8(outcome.stdout).expect("a text").trim().to_owned()
}

fn alive(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn programs_run_and_functions_are_called() {
    let mut worker = worker();
    let limits = Limits::with_cpu(5.0);
    let outcome = worker.run("print(int(input()) + 1)", Task::Script { input: "41\n" }, &limits).expect("an outcome");
    assert_eq!((outcome.ending, outcome.stdout.as_slice(), outcome.full), (Ending::Exit(0), &b"42\n"[..], false));
    let task = Task::Call { name: "f", arguments: &["[1, 2]".into(), "\"x\"".into()] };
    let outcome = worker.run("def f(a, b): return {b: (sum(a), None)}", task, &limits).expect("an outcome");
    assert_eq!(outcome.result, b"d1:s1:xt2:i3;N");
    let outcome = worker.run("import sys; sys.exit(3)", Task::Script { input: "" }, &limits).expect("an outcome");
    assert_eq!(outcome.ending, Ending::Exit(3));
    let outcome = run(&mut worker, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", &limits);
    assert_eq!(outcome.ending, Ending::Signal(libc::SIGSEGV));
    assert!(worker.is_sound());
}

/// What one test does is not there for the next one.
#[test]
fn tests_know_nothing_of_each_other() {
    let mut worker = worker();
    let limits = Limits::with_cpu(5.0);
    let first = "import builtins, random, os\nbuiltins.mark = 7\nopen('left', 'w').write('secret-of-the-first')\n\
                 random.seed(5)\nos.environ['A'] = 'b'\nprint(mark)";
    assert_eq!(run(&mut worker, first, &limits).stdout, b"7\n");
    let second = "import os, gc\nprint('mark' in dir(__builtins__), os.listdir('.'), dict(os.environ), \
                  any('secret-of-the-' + 'first' in str(o) for o in gc.get_objects() if isinstance(o, (str, bytes, dict))))";
    assert_eq!(String::from_utf8_lossy(&run(&mut worker, second, &limits).stdout), "False [] {} False\n");
}

#[test]
fn the_same_program_gets_the_same_chance() {
    let program = "import random; print(random.random(), hash('a'), sorted({'a', 'b', 'c'}, key=hash))";
    assert_eq!(prints(program), prints(program));
}

#[test]
fn nothing_of_the_host_is_seen() {
    let tree =
        "import os\nfound = []\nfor top in sorted(os.listdir('/')):\n    found.append(top)\nprint(' '.join(found))";
    let host: std::collections::BTreeSet<String> = prints(tree).split_whitespace().map(str::to_owned).collect();
    for hidden in ["proc", "sys", "home", "var", "run", "mnt", "opt", "srv"] {
        let needed = Interpreter::find().expect("a python3").program.starts_with(Path::new("/").join(hidden));
        assert!(needed || !host.contains(hidden), "{host:?}");
    }
    // Every folder there is, and whether something can be made in it.
    let writable = "import os\nfor folder, _, _ in os.walk('/'):\n    try:\n        open(folder + '/x', 'w').close()\n        \
                    print(folder)\n    except OSError:\n        pass";
    assert_eq!(prints(writable), "/box/work");
    assert_eq!(prints("import os; print(sorted(os.listdir('/etc')))"), "['ld.so.cache']");
    assert_eq!(prints("import os; print(dict(os.environ), os.getpid(), os.getppid())"), "{} 2 1");
    let descriptors = "import os\nfound = []\nfor fd in range(300):\n    try:\n        os.fstat(fd); found.append(fd)\n    \
                       except OSError:\n        pass\nprint(found)";
    assert_eq!(prints(descriptors), "[0, 1, 2, 3]");
    // Root's number on the host is not the program's.
    assert_eq!(prints("import os; print(os.getuid() != 0)"), if jail::program_user() == 0 { "False" } else { "True" });
}

#[test]
fn rights_cannot_be_had() {
    let calls = [
        ("socket", 41, 198),
        ("ptrace", 101, 117),
        ("mount", 165, 40),
        ("unshare", 272, 97),
        ("setns", 308, 268),
        ("bpf", 321, 280),
        ("keyctl", 250, 219),
        ("memfd_create", 319, 279),
        ("io_uring_setup", 425, 425),
        ("userfaultfd", 323, 282),
        ("perf_event_open", 298, 241),
        ("process_vm_readv", 310, 270),
        ("pidfd_getfd", 438, 438),
        ("setuid", 105, 146),
        ("shmget", 29, 194),
        ("clone3", 435, 435),
        ("chroot", 161, 51),
        ("add_key", 248, 217),
        ("init_module", 175, 105),
        ("pivot_root", 155, 41),
        ("open_by_handle_at", 304, 265),
        ("mq_open", 240, 180),
    ];
    let numbers: Vec<String> = calls
        .iter()
        .map(|(name, x86, arm)| format!("('{name}', {})", if cfg!(target_arch = "x86_64") { x86 } else { arm }))
        .collect();
    // 38 is "not implemented": the filter's answer.
    let program = format!(
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nfor name, number in [{}]:\n    ctypes.set_errno(0)\n    \
         if libc.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 38: print(name, ctypes.get_errno())\n\
         for flag in (0x10000000, 0x20000000, 0x00020000, 0x40000000):\n    \
         if libc.syscall({}, flag | 17, 0, 0, 0, 0) != -1: print('clone', flag)\n\
         if libc.prctl(39, 0, 0, 0, 0) != -1: print('prctl')",
        numbers.join(", "),
        libc::SYS_clone
    );
    assert_eq!(prints(&program), "");
    let tricks = "import os\nfor trick in (lambda: os.setuid(0), lambda: os.chroot('/'), lambda: os.chown('.', 0, 0), \
                  lambda: os.nice(-5), lambda: os.mknod('d', 0o060666, 0), lambda: os.remove('/dev/null')):\n    try:\n        \
                  trick(); print('done')\n    except OSError:\n        pass";
    assert_eq!(prints(tricks), "");
}

#[test]
fn nothing_reaches_the_network() {
    let (tcp, udp) =
        (TcpListener::bind("127.0.0.1:0").expect("a port"), UdpSocket::bind("127.0.0.1:0").expect("a port"));
    tcp.set_nonblocking(true).and(udp.set_nonblocking(true)).expect("sockets");
    let (to, by) = (tcp.local_addr().expect("bound").port(), udp.local_addr().expect("bound").port());
    let program = format!(
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', {to}), timeout=1); print('open')\nexcept OSError: pass\n\
         try:\n    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {by})); print('sent')\nexcept OSError: pass\n\
         a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))"
    );
    assert_eq!(prints(&program), "b'x'");
    std::thread::sleep(Duration::from_millis(50));
    assert!(tcp.accept().is_err() && udp.recv(&mut [0; 8]).is_err());
}

#[test]
fn no_process_outlives_its_test() {
    let mut worker = worker();
    let leaves = "import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n        \
                  if os.fork() == 0: time.sleep(1000)\n        os._exit(0)\nos.system('sleep 100 &')\nprint('done')";
    let outcome = run(&mut worker, leaves, &Limits::with_cpu(5.0));
    assert_eq!((outcome.ending, outcome.stdout.as_slice()), (Ending::Exit(0), &b"done\n"[..]));
    // The keeper may still be on its way out; nothing below it is.
    assert_eq!(watch::usage(worker.pid()).processes, 0);
    let pid = worker.pid();
    let begun = Instant::now();
    let outcome = run(&mut worker, "import os\nif os.fork() == 0: os.setsid()\nwhile True: pass", &small());
    assert_eq!(outcome.ending, Ending::Limit(Limit::Cpu));
    assert!(!alive(pid) && !worker.is_sound() && begun.elapsed() < Duration::from_secs(5));
    // A worker that is given up while it runs nothing is gone too.
    let other = self::worker();
    let pid = other.pid();
    assert!(alive(pid));
    drop(other);
    assert!(!alive(pid));
}

/// Programs that ignore every signal, wait forever, or close what they write to are ended all the same.
#[test]
fn limits_of_time_hold() {
    for (program, limit) in [
        ("try:\n    while True: pass\nexcept BaseException:\n    while True: pass", Limit::Cpu),
        (
            "import signal\nfor n in range(1, 64):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
            Limit::Cpu,
        ),
        ("import os\nos.close(1); os.close(2); os.close(3)\nwhile True: pass", Limit::Cpu),
        ("9 ** 9 ** 9", Limit::Cpu),
        ("import os\nfor _ in range(3): os.fork()\nwhile True: pass", Limit::Cpu),
        ("import time\ntime.sleep(1000)", Limit::Wall),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", Limit::Wall),
    ] {
        let outcome = run(&mut worker(), program, &small());
        assert_eq!(outcome.ending, Ending::Limit(limit), "{program}");
    }
}

#[test]
fn memory_stays_under_its_limit() {
    for program in [
        "l = []\nwhile True: l.append('x' * 10**7)",
        "import os\nfor _ in range(4): os.fork()\nl = []\nwhile True: l.append(bytearray(10**6))",
        "import mmap\nl = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 22)\n    m.write(b'x' * (1 << 22)); l.append(m)",
    ] {
        let limits = Limits { memory_bytes: 256 << 20, ..Limits::with_cpu(10.0) };
        let (outcome, most) = watched(&mut worker(), program, &limits);
        let error = String::from_utf8_lossy(&outcome.stderr).contains("MemoryError");
        assert!(outcome.ending == Ending::Limit(Limit::Memory) || error, "{program}: {:?}", outcome.ending);
        // What is mapped between two looks comes on top.
        assert!(most < 2 * limits.memory_bytes, "{program}: {} MiB", most >> 20);
    }
    let one = run(&mut worker(), "x = bytearray(200 << 30)", &small());
    assert!(String::from_utf8_lossy(&one.stderr).contains("MemoryError"), "{one:?}");
}

#[test]
fn files_and_output_are_bounded() {
    let limits = Limits { file_bytes: 1 << 20, disk_bytes: 4 << 20, files: 100, ..Limits::with_cpu(5.0) };
    for program in [
        "while True: print('x' * 10**5)",
        "import sys\nwhile True: sys.stderr.write('y' * 10**5)",
        "f = open('f', 'wb')\nwhile True: f.write(b'0' * 10**5)",
        "for i in range(10**6): open(f'f{i}', 'w').close()",
        "for i in range(10**6):\n    open(f'f{i}', 'wb').write(b'0' * (1 << 19))",
    ] {
        let outcome = run(&mut worker(), program, &limits);
        assert!(
            outcome.full || String::from_utf8_lossy(&outcome.stderr).contains("[Errno 27]"),
            "{program}: {:?}",
            outcome.ending
        );
        assert!(outcome.stdout.len() <= 1 << 20 && outcome.stderr.len() <= 256 << 10);
    }
}

/// Programs that do their worst. None may do more than lose.
const HOSTILE: [&str; 20] = [
    "import os\nwhile True: os.fork()",
    "import subprocess, sys\nwhile True: subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])",
    "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,)).start()",
    "l = []\nwhile True: l.append('x' * 10**7)",
    "x = bytearray(200 * 1024**3)",
    "import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(1, signal.SIGKILL)\nos.kill(os.getppid(), signal.SIGSTOP)",
    "import os\nos.write(3, b'i3;' * 100000)\nos._exit(0)",
    "import os\nfor fd in range(100):\n    try: os.close(fd)\n    except OSError: pass\nwhile True: pass",
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)",
    "import ctypes\nctypes.string_at(0)",
    "import sys\nwhile True: sys.stderr.write('y' * 10**6)",
    "f = open('fill', 'wb')\nwhile True: f.write(b'0' * 10**7)",
    "import os\ni = 0\nwhile True:\n    os.mkdir('d'); os.chdir('d')",
    "import os\nwhile True: os.execv('/no', ['no'])",
    "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'while True: pass'])",
    "import os\nos.symlink('/', 'r')\nos.chmod('.', 0)\nos.abort()",
    "import signal, os\nsignal.alarm(1)\nos.setsid() if os.getpid() != os.getsid(0) else None\nwhile True: signal.pause()",
    "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (10**9, 10**9))",
    "import sys, os, gc\nfor o in gc.get_objects():\n    if isinstance(o, dict): o.clear()",
    "(lambda f: f(f))(lambda f: f(f))",
];

/// So many hostile programs in a row, then an honest one in its normal time.
fn hostile(count: usize) {
    let files =
        || std::fs::read_dir("/tmp").map(|folder| folder.flatten().filter(|entry| entry.file_name() == "r").count());
    let before = files().unwrap_or(0);
    let mut worker = self::worker();
    let (mut workers, mut most) = (vec![worker.pid()], 0);
    for program in HOSTILE.iter().cycle().take(count) {
        if !worker.is_sound() {
            worker = self::worker();
            workers.push(worker.pid());
        }
        let begun = Instant::now();
        let limits = Limits { wall_seconds: 1.0, ..small() };
        let (outcome, used) = watched(&mut worker, program, &limits);
        assert_ne!(outcome.stdout, b"42\n", "{program}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{program}: {:?}", begun.elapsed());
        assert!(used < 2 * limits.memory_bytes, "{program}: {} MiB", used >> 20);
        most = most.max(used);
        let left = watch::usage(worker.pid()).processes;
        assert!(left == 0 || !worker.is_sound(), "{program}: {left} processes are left");
    }
    if !worker.is_sound() {
        worker = self::worker();
    }
    let gone = workers.iter().filter(|pid| **pid != worker.pid());
    assert_eq!(gone.filter(|pid| alive(**pid)).count(), 0, "workers that were given up are there");
    println!("{count} programs, {} workers, at most {} MiB at once", workers.len(), most >> 20);
    let begun = Instant::now();
    assert_eq!(run(&mut worker, "print(42)", &Limits::with_cpu(5.0)).stdout, b"42\n");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(files().unwrap_or(0), before);
}

#[test]
fn a_hundred_hostile_programs_leave_it_answering() {
    hostile(100);
}

#[test]
#[ignore = "minutes: cargo test --release -p recipec-runtime --lib sandbox -- --ignored a_thousand"]
fn a_thousand_hostile_programs_leave_it_answering() {
    hostile(1000);
}

/// CPU seconds of all children that were waited for.
fn children_seconds() -> f64 {
    // SAFETY: the structure is plain numbers, and filled by the call.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut used);
        used
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(used.ru_utime) + seconds(used.ru_stime)
}

/// Run alone, with `--ignored --nocapture`: tests a second of one worker, and of one interpreter start per test; by the clock, and by the
/// CPU time of everything that runs, which a busy machine does not blur.
#[test]
#[ignore = "a measurement, no test: cargo test --release -p recipec-runtime --lib sandbox -- --ignored --nocapture throughput"]
fn throughput() {
    let task = Task::Script { input: "41\n" };
    let rates = |count: u32, work: &mut dyn FnMut()| {
        let (begun, before) = (Instant::now(), children_seconds());
        work();
        let count = f64::from(count);
        (count / begun.elapsed().as_secs_f64(), count / (children_seconds() - before))
    };
    let ours = rates(500, &mut || {
        let mut worker = worker();
        for _ in 0..500 {
            let outcome = worker.run("print(int(input()) + 1)", task, &Limits::with_cpu(5.0)).expect("an outcome");
            assert_eq!(outcome.stdout, b"42\n");
        }
    });
    let python = Interpreter::find().expect("a python3").program;
    let starts = |program: &str| {
        rates(50, &mut || {
            for _ in 0..50 {
                let mut command = std::process::Command::new(&python);
                let child = command.args(["-c", program]).stdin(std::process::Stdio::null()).output();
                assert!(child.expect("an output").status.success());
            }
        })
    };
    let bare = starts("print(42)");
    let with = starts(&format!("{JUDGED}\nfresh_main()\nprint(42)"));
    for (name, other) in [("bare", bare), ("with the usual imports", with)] {
        println!(
            "tests/s of one worker {:.0} ({:.0} by CPU time); one start per test, {name}: {:.0} ({:.0}); {:.1} times as many ({:.1})",
            ours.0,
            ours.1,
            other.0,
            other.1,
            ours.0 / other.0,
            ours.1 / other.1
        );
    }
}
