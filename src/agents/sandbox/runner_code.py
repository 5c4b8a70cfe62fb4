# Runs code that a host sends, one piece after the other, in one namespace; docs/formats/interpreter.md has the messages.
# What stands before it, runner.py or runner_wasm.py, gives it `config`, `send`, `receive`, `limit` and `clock`.  The host
# believes nothing that comes out of here.
import ast, json, os, signal, sys, traceback, types

# --- what code sees --------------------------------------------------------------------------------------------------

class Output:
    """Standard output and error: of much, the beginning and the end are kept."""

    encoding, errors, closed = "utf-8", "replace", False

    def __init__(self):
        self.begin()

    def begin(self):
        self.head, self.head_size, self.tail, self.total = [], 0, "", 0

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        half = config["output_cap"] // 2
        size = len(text)
        self.total += size
        if self.head_size < half:
            self.head.append(text[:half - self.head_size])
            text = text[half - self.head_size:]
            self.head_size += len(self.head[-1])
        if text:
            self.tail = (self.tail + text[-half:])[-half:]
        return size

    def taken(self):
        out = {"head": clean("".join(self.head)), "tail": clean(self.tail), "left_out": self.total - self.head_size - len(self.tail)}
        self.begin()
        return out

    def flush(self): pass
    def isatty(self): return False
    def writable(self): return True
    def readable(self): return False
    def fileno(self): raise OSError("output is not a file here")


def clean(text):
    return text.encode("utf-8", "replace").decode()


class Submitted(BaseException):
    pass


class OutOfTime(BaseException):
    pass


class ToolError(RuntimeError):
    """A function of the host failed."""


def plain(value, depth=0):
    """The value as JSON, or TypeError."""
    if depth > 100:
        raise TypeError("it is nested too deeply")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        if not -2**63 <= value < 2**63:
            raise TypeError("an integer of more than 64 bits; make it a str")
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError("a float that is not finite")
        return float(value)
    if isinstance(value, dict):
        out = {}
        for key, item in value.items():
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise TypeError("a dict with keys that are " + type(key).__name__)
            name = clean(str(key))
            if name in out:
                raise TypeError("a dict with two keys that are written alike, " + repr(name))
            out[name] = plain(item, depth + 1)
        return out
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return [plain(item, depth + 1) for item in sorted(value)]
    for method in ("isoformat", "tolist"):
        if callable(getattr(value, method, None)):
            return plain(getattr(value, method)(), depth + 1)
    raise TypeError("an object of type " + type(value).__name__ + " has no JSON form; make it str, numbers, lists and dicts")


class State:
    execution, calls, submitted, fields = 0, 0, None, []


def call_host(name, parameters, arguments, named):
    if len(arguments) > len(parameters):
        raise TypeError("%s() takes %d arguments, not %d" % (name, len(parameters), len(arguments)))
    given = dict(zip(parameters, arguments))
    for key in named:
        if key in given:
            raise TypeError("%s() got two values for %r" % (name, key))
        if parameters and key not in parameters:
            raise TypeError("%s() has no parameter %r; it has %s" % (name, key, ", ".join(parameters)))
    given.update(named)
    State.calls += 1
    send({"type": "call", "execution": State.execution, "call": State.calls, "name": name, "arguments": plain(given)})
    answer = receive()
    if "error" in answer:
        raise ToolError(answer["error"])
    return answer["value"]


def submit(*values, **named):
    if len(values) > len(State.fields):
        if len(values) == 1 and isinstance(values[0], dict) and not named:
            given = dict(values[0])
        else:
            raise TypeError("SUBMIT() takes %d values: %s" % (len(State.fields), ", ".join(State.fields)))
    elif len(values) == 1 and isinstance(values[0], dict) and not named and set(values[0]) == set(State.fields):
        given = dict(values[0])
    else:
        given = dict(zip(State.fields, values))
    for key in named:
        if key in given:
            raise TypeError("SUBMIT() got two values for %r" % key)
    given.update(named)
    State.submitted = plain(given)
    raise Submitted()


def function(name, parameters, description):
    def host(*arguments, **named):
        return call_host(name, parameters, arguments, named)
    host.__name__ = host.__qualname__ = name
    host.__doc__ = description
    return host


# --- the loop --------------------------------------------------------------------------------------------------------

module = types.ModuleType("__main__")
sys.modules["__main__"] = module
space = module.__dict__
space["__builtins__"] = __builtins__
output = Output()
sys.stdout = sys.stderr = output
sys.stdin = open(os.devnull)


def describe(error):
    code_only = error.__traceback__
    while code_only is not None and code_only.tb_frame.f_code.co_filename != "<code>":
        code_only = code_only.tb_next
    lines = traceback.format_exception(type(error), error, code_only, limit=-8, chain=False)
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be written)"
    return {"kind": type(error).__name__, "message": clean(message)[:10000], "traceback": clean("".join(lines))[:20000]}


def on_alarm(number, frame):
    raise OutOfTime()


def execute(message, done):
    State.execution, State.calls, State.submitted, State.fields = message["execution"], 0, None, message["fields"]
    for entry in message["functions"]:
        space[entry["name"]] = function(entry["name"], entry["parameters"], entry["description"])
    space["SUBMIT"] = submit
    space.update(message["variables"])
    signal.signal(signal.SIGALRM, on_alarm)
    try:
        clock(message["seconds"])
        source = message["code"]
        import linecache
        linecache.cache["<code>"] = (len(source), None, source.splitlines(True), "<code>")
        tree = ast.parse(source, "<code>")
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        exec(compile(tree, "<code>", "exec"), space)
        value = eval(compile(last, "<code>", "eval"), space) if last is not None else None
        if value is not None:
            try:
                done["value"] = plain(value)
            except Exception as error:
                done["no_value"] = clean(str(error))[:1000]
            done["repr"] = clean(repr(value))[:10000]
        done["end"] = "finished"
    except Submitted:
        done["end"] = "submitted"
    except OutOfTime:
        done["end"] = "timed_out"
    except BaseException as error:
        done["end"] = "raised"
        done["error"] = describe(error)
    finally:
        clock(0)


def main():
    layers = limit()
    send({"type": "ready", "protocol": 1, "python": sys.version.split()[0], "layers": layers})
    while True:
        message = receive()
        done = {"type": "done", "execution": message["execution"]}
        try:
            execute(message, done)
        except OutOfTime:
            done["end"] = "timed_out"
        if State.submitted is not None and done["end"] != "timed_out":
            done["end"] = "submitted"
            done["submitted"] = State.submitted
        done["output"] = output.taken()
        try:
            send(done)
        except RecursionError:
            os._exit(70)


main()
