// Runs the Python of runner_wasm.py and runner_code.py in WebAssembly: Pyodide, in Node.  Python gets three functions
// (`dspy_host`), whose strings go through the pipes; all of them block, so that functions of the host are plain calls.
// WebAssembly, Node's permissions and bubblewrap keep code in.  What is taken away here is what JavaScript could use if
// code reached it through Pyodide's bridge.
import { Buffer } from "node:buffer";
import fs from "node:fs";
import fsPromises from "node:fs/promises";
import childProcess from "node:child_process";
import Module, { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import tls from "node:tls";
import vm from "node:vm";

const config = JSON.parse(process.argv[1]);
process.argv = ["node", "/python"];  // Python looks for itself there
const node = process.versions.node;
const { readSync, writeSync, fstatSync, closeSync } = fs;
const end = process.reallyExit.bind(process);
const now = performance.now.bind(performance);

function say(...words) {
  writeSync(2, words.map((word) => word?.stack ?? String(word)).join(" ") + "\n");
}

function stop(code, ...words) {
  say(...words);
  end(code);
}

// Not trusted but tried: without these flags, or in an old Node, no code is run.
function requirePermissions() {
  const may = (...what) => process.permission?.has(...what) ?? true;
  const open = ["fs.write", "child", "worker"].filter((each) => may(each));
  if (may("fs.read", "/etc")) open.push("fs.read");
  if (open.length) stop(71, `node ${node} permits ${open.join(", ")}; install Node 20 or newer`);
  try {
    Function("return 1")();
  } catch {
    return;
  }
  stop(71, `node ${node} permits code from strings; install Node 20 or newer`);
}

// --- the pipes -------------------------------------------------------------------------------------------------------

function exactly(count, file = 0) {
  const bytes = Buffer.allocUnsafe(count);
  for (let at = 0; at < count;) {
    const got = readSync(file, bytes, at, count - at, null);
    if (got === 0) end(0);
    at += got;
  }
  return bytes;
}

function write(file, bytes) {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at);
}

let deadline = Infinity;
const host = {
  config: JSON.stringify(config.python),
  layers: "{}",
  send(text) {
    const size = Buffer.byteLength(text);
    const frame = Buffer.allocUnsafe(4 + size);
    frame.writeUInt32BE(size);
    frame.write(text, 4);
    write(1, frame);
  },
  receive: () => exactly(exactly(4).readUInt32BE()).toString(),
  clock(seconds) {
    deadline = seconds > 0 ? now() + seconds * 1000 : Infinity;
  },
};

// Python asks every few steps whether a signal has come; SIGALRM does when it is time.
const SIGALRM = 14;
const signals = {
  get 0() {
    if (now() < deadline) return 0;
    deadline = Infinity;
    return SIGALRM;
  },
  set 0(ignored) {},
};

// --- the interpreter -------------------------------------------------------------------------------------------------

// Starting Python takes seconds, an image of its memory after that a fraction of one: `config.image` is a descriptor of
// the file that has it, or is to have it.
async function loaded() {
  const { loadPyodide } = await import(config.folder + "/pyodide.mjs");
  const options = { indexURL: config.folder + "/", jsglobals: Object.create(null), stdout: say, stderr: say };
  const { file, mode } = config.image;
  if (mode === "none") return [await loadPyodide(options), "none"];
  try {
    if (mode === "load") {
      const image = new Uint8Array(exactly(fstatSync(file).size, file));
      return [await loadPyodide({ ...options, _loadSnapshot: image }), "loaded"];
    }
    const python = await loadPyodide({ ...options, _makeSnapshot: true });
    python.runPython(config.imports);
    write(file, python.makeMemorySnapshot());
    return [python, "made"];
  } catch (error) {
    say("no image of the interpreter's memory:", error);
    return [await loadPyodide(options), "refused"];
  } finally {
    closeSync(file);
  }
}

function refuse() {
  throw new Error("not permitted in the sandbox");
}

function empty(object, ...kept) {
  for (const name of Object.getOwnPropertyNames(object)) {
    if (kept.includes(name)) continue;
    try {
      if (typeof object[name] === "function") object[name] = refuse;
    } catch {
      // read-only: a constant, or a getter of Node's own
    }
  }
}

function takeAway() {
  for (const name of ["binding", "_linkedBinding", "dlopen", "kill", "_kill", "abort", "chdir", "getBuiltinModule"])
    if (process[name]) process[name] = refuse;
  [fs, fs.promises, fsPromises, childProcess, net, tls, vm].forEach((each) => empty(each));
  empty(Module.prototype, "require");
  empty(Module, "prototype");
  const noPrograms = { spawnSync: () => ({ status: 127, signal: null }) };  // `os.system` asks for it
  Module._load = (name) => (name.endsWith("child_process") ? noPrograms : refuse());
  syncBuiltinESMExports();
  const words = ["eval", "fetch", "global", "navigator", "require", "Blob", "BroadcastChannel", "EventSource", "File",
    "FormData", "MessageChannel", "MessagePort", "Request", "Response", "WebSocket", "Worker", "localStorage"];
  for (const word of words) delete globalThis[word];
  globalThis.process = { argv: [], env: {}, exitCode: 0, platform: "linux", versions: { node } };
}

globalThis.console = { log: say, info: say, debug: say, warn: say, error: say, trace: say };
requirePermissions();
for (const name of ["stdin", "stdout", "stderr"])  // Node's own make the pipes non-blocking
  Object.defineProperty(process, name, { value: { fd: -1, isTTY: false, write: refuse } });
process.binding = () => ({ fs: {} });  // constants for a file system that is not mounted here
let python;
try {
  const [made, image] = await loaded();
  python = made;
  host.layers = JSON.stringify({ pyodide: python.version, node, image });
  python.registerJsModule("dspy_host", host);
  python.setInterruptBuffer(signals);
  const nowhere = { write: (bytes) => bytes.length };  // what code prints, Python keeps
  python.setStdout(nowhere);
  python.setStderr(nowhere);
  python.runPython("import os; os.urandom(1)");  // looks for its source once, which is taken away next
} catch (error) {
  stop(72, "Pyodide could not be started:", error);
}
takeAway();
try {
  python.runPython(config.runner, { filename: "<runner>" });
} catch (error) {
  if (typeof error?.status === "number") end(error.status);
  stop(70, error?.message || error);
}
end(0);
