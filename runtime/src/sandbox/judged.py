# How a program is run, and how what a function returns is written down. This runs inside the judged process, so nothing here
# is trusted: it makes claims, which are compared elsewhere with values that this process never sees.
import atexit as _atexit, io as _io, json as _json, sys as _sys, threading as _threading, types as _types

_STAR = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json builtins typing"
).split()


def fresh_main():
    """A module to run a program in, with the names that programs find without importing them: the reference's, in its order."""
    module = _types.ModuleType("__main__")
    names = module.__dict__
    for name in _STAR:
        exec("from %s import *" % name, names)
    for name in _STAR[:-2]:
        exec("import %s" % name, names)
    names["__name__"] = "__main__"
    names["__file__"] = "program.py"
    return module


def encode(value):
    """A value as text that keeps apart what Python's equality keeps apart; `x` for what has no JSON beside it."""
    out = []

    def write(value, depth):
        kind = type(value)
        if depth > 200 or len(out) > 4000000:
            out.append("x")
        elif value is None:
            out.append("N")
        elif value is True:
            out.append("T")
        elif value is False:
            out.append("F")
        elif kind is int:
            out.append("i%d;" % value)
        elif kind is float:
            out.append("f%r;" % value)
        elif kind is str:
            data = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            out.append("s%d:%s" % (len(data.encode()), data))
        elif kind is list or kind is tuple:
            out.append(("l%d:" if kind is list else "t%d:") % len(value))
            for item in value:
                write(item, depth + 1)
        elif kind is dict:
            out.append("d%d:" % len(value))
            for key, item in value.items():
                write(key, depth + 1)
                write(item, depth + 1)
        # A subclass is what its base makes of it, whatever its methods say.
        elif issubclass(kind, int):
            write(int.__add__(value, 0), depth)
        elif issubclass(kind, float):
            write(float.__add__(value, 0.0), depth)
        elif issubclass(kind, str):
            write(str.__add__(value, ""), depth)
        elif issubclass(kind, list):
            write(list(list.__iter__(value)), depth)
        elif issubclass(kind, tuple):
            write(tuple(tuple.__iter__(value)), depth)
        elif issubclass(kind, dict):
            write(dict(dict.items(value)), depth)
        else:
            out.append("x")

    write(value, 0)
    return "".join(out).encode("utf-8")


def run(program, module, function, arguments, deliver):
    """Runs the program; with `function`, calls it and hands the encoded result to `deliver`. Returns the exit code."""
    code = 0
    try:
        _sys.modules["__main__"] = module
        space = module.__dict__
        _sys.setrecursionlimit(50000)
        if "\0" in program:
            raise SyntaxError("the program has a NUL character")
        exec(compile(program, "program.py", "exec", dont_inherit=True), space)
        if function is not None:
            holder = space.get("Solution")
            if isinstance(holder, type) and hasattr(holder, function):
                called = getattr(holder(), function)
            elif function in space:
                called = space[function]
            else:
                raise NameError("there is no function %r" % function)
            value = called(*[_json.loads(text) for text in arguments])
            if hasattr(_sys, "set_int_max_str_digits"):
                _sys.set_int_max_str_digits(0)
            deliver(encode(value))
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:
        code = 1
        _report()
    try:
        _threading._shutdown()
    except BaseException:
        code = 1
        _report()
    try:
        _atexit._run_exitfuncs()
    except BaseException:
        pass
    for stream in (_sys.stdout, _sys.stderr):
        try:
            stream.flush()
        except BaseException:
            code = code or 120
    return code


def _exit_code(end):
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 255
    try:
        print(end.code, file=_sys.stderr)
    except BaseException:
        pass
    return 1


def _report():
    try:
        kind, value, trace = _sys.exc_info()
        _sys.excepthook(kind, value, trace.tb_next if trace is not None else None)
    except BaseException:
        pass
