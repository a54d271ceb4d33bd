# The trusted part inside the sandbox. Waits for an order, makes a keeper in a fresh pid namespace, which makes the judged process.
# It never reads a program: the keeper does, and the keeper ends with its test.
#
# Descriptors: 3 orders (one byte a test; closed when the host is gone), 4 tests, 5 outcomes.
import ctypes, gc, json, os, random, resource, select, signal, struct, sys

ORDERS, TESTS, OUTCOMES, RESULT = 3, 4, 5, 3
CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
MS_NOSUID, MS_NODEV = 2, 4
BOX = b"/box"
HIGHEST = 4096  # no descriptor is above

setting = json.loads(sys.argv[1])
# In the program's folder, as for any script; the driver's own imports never look there.
sys.argv[:] = ["program.py"]
sys.path[:] = [place for place in sys.path if place]
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, "%s: %s" % (name, os.strerror(code)))


def read(fd, count):
    parts = []
    while count:
        part = os.read(fd, min(count, 1 << 20))
        if not part:
            os._exit(3)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def write(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


_code = ctypes.create_string_buffer(bytes.fromhex(setting["filter"]), len(setting["filter"]) // 2)
_filter = Filter(len(setting["filter"]) // 16, ctypes.cast(_code, ctypes.c_void_p).value)
_no_capabilities = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()


def give_up_rights():
    """No capability, no way to get one, another user where there is one, and only the allowed system calls."""
    capability = 0
    while libc.prctl(24, capability, 0, 0, 0) == 0:
        capability += 1
    if setting["user"]:
        os.setgroups([])
        os.setresgid(setting["user"], setting["user"], setting["user"])
        os.setresuid(setting["user"], setting["user"], setting["user"])
    call("capset", *_no_capabilities)
    call("prctl", 38, 1, 0, 0, 0)
    call("prctl", 22, 2, ctypes.byref(_filter), 0, 0)


kinds = {name: (kind, resource.getrlimit(kind)[1]) for name, kind in vars(resource).items() if name.startswith("RLIMIT_")}


def limit(name, value):
    kind, most = kinds[name]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value))


def judged(head, program, files):
    os.setsid()
    for number, fd in enumerate(files):
        os.dup2(fd, number)
    os.closerange(len(files), HIGHEST)
    os.chdir(BOX + b"/work")
    os.umask(0o077)
    limit("RLIMIT_CORE", 0)
    limit("RLIMIT_CPU", int(head["cpu"]) + 2)
    limit("RLIMIT_AS", head["memory"] + head["memory"] // 4)
    limit("RLIMIT_STACK", 120 << 20)
    limit("RLIMIT_FSIZE", head["file"])
    limit("RLIMIT_NOFILE", 256)
    limit("RLIMIT_NPROC", 4 * head["processes"])
    limit("RLIMIT_MEMLOCK", 0)
    limit("RLIMIT_MSGQUEUE", 0)
    limit("RLIMIT_SIGPENDING", 256)
    give_up_rights()
    # Verdicts do not hang on chance: a program that asks for it gets the same every time. (A fork has new seeds.)
    random.seed(0)
    gc.enable()
    code = 1
    try:
        code = run(program, module, head["function"], head["arguments"], lambda data: write(RESULT, data))
    finally:
        os._exit(code)


def keeper():
    call("unshare", CLONE_NEWNS)
    inner = b"size=%d,nr_inodes=%d,mode=0755"
    head = json.loads(read(TESTS, struct.unpack("<Q", read(TESTS, 8))[0]))
    call("mount", b"tmpfs", BOX, b"tmpfs", MS_NOSUID | MS_NODEV, inner % (head["disk"], head["files"]))
    os.mkdir(BOX + b"/work", 0o700)
    os.chown(BOX + b"/work", setting["user"], setting["user"])
    os.chmod(BOX, 0o555)
    program = read(TESTS, head["program"]).decode("utf-8")
    data = read(TESTS, head["input"])
    files = [os.open(BOX, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600) for _ in range(4)]
    # The program reads its input and writes the rest; none of the descriptors is shared with anything outside this test.
    write(files[0], data)
    os.lseek(files[0], 0, os.SEEK_SET)
    first = os.fork()
    if first == 0:
        judged(head, program, files)
    cpu = 0.0
    while True:
        pid, status, used = os.wait4(-1, 0)
        cpu += used.ru_utime + used.ru_stime
        if pid == first:
            break
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
            _, _, used = os.wait4(-1, 0)
            cpu += used.ru_utime + used.ru_stime
        except (ProcessLookupError, ChildProcessError):
            break
    sizes = [os.fstat(fd).st_size for fd in files]
    room = os.statvfs(BOX)
    full = room.f_bavail == 0 or room.f_favail == 0 or max(sizes[1:]) >= head["file"]
    starts = [0, 0, max(0, sizes[2] - (256 << 10)), 0]
    lengths = [size - start for size, start in zip(sizes, starts)]
    write(OUTCOMES, struct.pack("<iQB3Q", status, int(cpu * 1e6), full, *lengths[1:]))
    for fd, start, length in list(zip(files, starts, lengths))[1:]:
        while length:
            part = os.pread(fd, min(length, 1 << 20), start)
            if not part:
                os._exit(4)
            write(OUTCOMES, part)
            start, length = start + len(part), length - len(part)
    os._exit(0)


def main():
    here = os.pidfd_open(os.getpid())
    while True:
        if not os.read(ORDERS, 1):
            os._exit(0)
        # The next child, and only it, is the first process of a new pid namespace.
        call("unshare", CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            try:
                keeper()
            except BaseException as fault:
                write(2, ("keeper: %r\n" % fault).encode())
            finally:
                os._exit(2)
        call("setns", here, CLONE_NEWPID)
        # A keeper whose host is gone must not go on: the end of this process ends it.
        watched = os.pidfd_open(pid)
        ready = select.poll()
        ready.register(watched, select.POLLIN)
        ready.register(ORDERS, 0)
        for fd, _ in ready.poll():
            if fd == ORDERS:
                os._exit(0)
        os.close(watched)
        if os.waitpid(pid, 0)[1] != 0:
            os._exit(5)


try:
    import site

    site.setquit(), site.setcopyright(), site.sethelper()
    # Whatever can be done before a fork is not done after it: a page that is only read stays shared.
    module = fresh_main()
    # Already there when a program asks for them.
    import array, cmath, contextlib, dataclasses, decimal, fractions, hashlib, numbers, queue, subprocess, textwrap, threading
    import time, traceback, unicodedata

    threading.stack_size(8 << 20)
    os.environ.clear()
    sys.path.insert(0, "")
    gc.collect()
    gc.disable()
    gc.freeze()
    write(OUTCOMES, b"ready")
    main()
except BaseException as fault:
    write(2, ("driver: %r\n" % fault).encode())
    os._exit(6)
