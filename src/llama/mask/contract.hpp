#pragma once

#include "dspy/base/json.hpp"
#include "dspy/llama/tool_contract.hpp"
#include "dspy/lm/request.hpp"
#include "llama/mask/expressions/expression.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama::mask {

/// A part of a contract that masks do not hold: the reader of replies still checks it.
struct Unenforced {
  std::string part = {};    ///< "the output `tags`"
  std::string reason = {};  ///< "its items may be equal"
};

/// "the output `tags`: its items may be equal"
std::vector<std::string> descriptions(const std::vector<Unenforced>& unenforced);

/// A compiled contract, for any vocabulary.  A plain value; `Constraint` takes pool and start.
struct Grammar {
  Pool pool = {};
  Expr start = Pool::nothing;
  std::vector<Unenforced> unenforced = {};
};

// Each throws `Error` (`invalid_parameter`) that names the part which cannot be compiled.  They take bounded time:
// choices are shared as a tree, counts and lengths are counted and not unrolled, and recursive values nest up to
// `Values::deepest`.

/// The replies of a contract: of a signature, written as its adapter shows them; of choices and grammars, those below.
/// `Form::text` is any text.  Where the model may think first, thoughts and up to four line ends or blanks may come
/// before.  With tools, the reply may also be calls, after free text where the contract is `Form::text`; or must be.
Grammar compile(const OutputContract& contract, const ToolContract* tools = nullptr);

/// The values of a JSON Schema as compact JSON, their members in the schema's order.  What `from_json_schema` reads
/// another way is in `unenforced`, and what it refuses throws as it does (`signature_error`).
Grammar compile_schema(const Json& schema);

/// One of the texts.
Grammar compile_choices(std::span<const std::string> choices);

/// A text that all of the regular expression matches (`parse_regex`).
Grammar compile_regex(std::string_view pattern);

/// A text of llama.cpp's grammar notation (`parse_gbnf`).
Grammar compile_gbnf(std::string_view grammar);

}  // namespace dspy::llama::mask
