#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/request.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace dspy {

/// A language model: messages in, text out.  Calls may overlap and come from any thread.
///
/// What a call returns may be awaited after the LM is gone.  A coroutine begins only when it is awaited, so one that is
/// a member of an LM must not use `this`: let the member hand what it needs to a coroutine that takes it by value.
///
/// Both calls throw `Error`: `cancelled`, `deadline_exceeded`, `context_too_long`,
/// `invalid_parameter`, or what the model's own kind adds.
class LM {
 public:
  virtual ~LM() = default;

  /// What this model is called in messages and traces.
  virtual std::string_view model() const noexcept = 0;

  /// Goes on from `Request::begins_with`.
  virtual bool continues() const noexcept { return false; }

  virtual Async<Reply> complete(Request request) = 0;

  /// Like `complete`, and hands the reply to `sink` as it grows.  `sink` runs where the caller
  /// awaits, not on the model's thread; what it throws ends the call and reaches the caller.
  /// The texts of all events join to `Reply::text`.
  virtual Async<Reply> stream(Request request, EventSink sink);
};

/// Makes an LM from a URI `scheme:rest?option=value&…`, such as
/// `llama:models/dspy-tiny.gguf?temperature=0`.  Throws `Error` (`config_error`) for a scheme
/// that no part of the program has registered; it lists those there are.
std::shared_ptr<LM> lm(std::string_view uri);

/// A URI taken apart.  `path` and values are percent-decoded.
struct LMUri {
  std::string scheme = {};
  std::string path = {};
  std::vector<std::pair<std::string, std::string>> options = {};
};

using LMFactory = std::shared_ptr<LM> (*)(const LMUri& uri);

/// Teaches `lm` a scheme; the last registration wins.  Returns true, for use in an initialiser.
bool register_lm_scheme(std::string_view scheme, LMFactory factory);

}  // namespace dspy
