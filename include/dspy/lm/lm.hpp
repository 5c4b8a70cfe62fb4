#pragma once

#include "dspy/base/async.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace dspy {

/// What an LM can do with a request.
struct Capabilities {
  bool enforces_contract = false;  ///< Replies are constrained to `Request::contract`, or its JSON Schema.
  bool prefill = false;            ///< Goes on from `Request::prefill`.
  bool tools = false;              ///< Takes `Request::tools`, and returns calls.
  bool images = false;
  bool audio = false;
  bool documents = false;
  bool logprobs = false;
  bool streams = false;                    ///< Events come while the reply is written, not all at its end.
  std::optional<int> context_length = {};  ///< In tokens, if known.

  bool operator==(const Capabilities&) const = default;
};

/// A language model: messages in, completions out.  Calls may be concurrent and come from any thread.
///
/// The result of a call may be awaited after the LM is destroyed.  A coroutine starts only when it is awaited, so a
/// coroutine that is a member of an LM must not use `this`: let the member pass what it needs by value to another
/// coroutine.
///
/// Both calls throw `Error`: `cancelled`, `deadline_exceeded`, `context_too_long`, `invalid_parameter`, `unsupported`
/// (a part of a message, such as an image, that the model does not accept), or errors specific to the kind of model.
class LM {
 public:
  virtual ~LM() = default;

  /// What this model is called in messages and traces.
  virtual std::string_view model() const noexcept = 0;

  virtual Capabilities capabilities() const { return {}; }

  /// LMs with the same fingerprint give the same answers: it covers the model and everything else that affects its
  /// output, but no secrets.  For cache keys.
  virtual std::string fingerprint() const { return std::string(model()); }

  virtual Async<Reply> complete(Request request) = 0;

  /// Like `complete`, but also passes the reply to `sink` as it grows.  `sink` runs on the caller's executor, not on
  /// the model's thread; an exception from it ends the call and reaches the caller.  The texts of all events together
  /// are the text and the reasoning of the first completion.
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
