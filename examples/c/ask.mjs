// The C interface from Node, through koffi (npm install koffi).
//
// usage: node ask.mjs <libdspy_c.so>

import koffi from "koffi";

const library = koffi.load(process.argv[2]);
koffi.struct("dspy_error", {
  code: "int32_t",
  kind: koffi.array("char", 32, "String"),
  message: koffi.array("char", 480, "String"),
  json: "void *",
});
const free = library.func("void dspy_string_free(void *text)");
// A text that the library made: copied into JavaScript, then given back.
koffi.disposable("dspy_text", "str", free);
koffi.proto("int dspy_on_piece(const char *field, const uint8_t *text, size_t size, int done, int restart, void *user)");
const dspy = {
  scripted: library.func("void *dspy_lm_scripted(const char *replies, _Inout_ dspy_error *error)"),
  predict: library.func("void *dspy_program_predict(const char *notation, void *lm, _Inout_ dspy_error *error)"),
  call: library.func("dspy_text dspy_program_call(void *program, const char *inputs, void *stop, _Inout_ dspy_error *error)"),
  stream: library.func(
    "dspy_text dspy_program_stream(void *program, const char *inputs, dspy_on_piece *on_piece, void *user, void *stop, " +
      "_Inout_ dspy_error *error)",
  ),
  freeProgram: library.func("void dspy_program_free(void *program)"),
  freeLm: library.func("void dspy_lm_free(void *lm)"),
  clear: library.func("void dspy_error_clear(_Inout_ dspy_error *error)"),
};

const fresh = () => ({ code: 0, kind: "", message: "", json: null });

function refuse(error) {
  const problem = new Error(error.message);
  problem.kind = error.kind;
  dspy.clear(error);
  throw problem;
}

// `call` waits on a thread of Node's pool, so that the event loop goes on.
function ask(program, inputs) {
  const error = fresh();
  return new Promise((resolve, reject) => {
    dspy.call.async(program, JSON.stringify(inputs), null, error, (failed, text) => {
      if (failed) return reject(failed);
      if (text !== null) return resolve(JSON.parse(text));
      try {
        refuse(error);
      } catch (problem) {
        reject(problem);
      }
    });
  });
}

const error = fresh();
const lm = dspy.scripted('["Answer: 4", "Answer: one two three"]', error) ?? refuse(error);
const program = dspy.predict("question -> answer", lm, error) ?? refuse(error);
console.log((await ask(program, { question: "2+2?" })).outputs);

let streamed = "";
const whole = dspy.stream(
  program,
  JSON.stringify({ question: "count" }),
  (field, text, size) => {
    if (Number(size) > 0) streamed += Buffer.from(koffi.decode(text, "uint8_t", Number(size))).toString("utf8");
    return 0;
  },
  null,
  null,
  error,
);
console.log(whole === null ? refuse(error) : `streamed: ${streamed}`);

try {
  await ask(program, { text: "?" });
} catch (problem) {
  console.log(`refused: ${problem.kind}`);
}
dspy.freeProgram(program);
dspy.freeLm(lm);
