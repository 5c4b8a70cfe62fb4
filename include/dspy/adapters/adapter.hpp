#pragma once

#include "dspy/base/error.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// A reply, read: every required output present and of its type.
struct Reading {
  JsonObject outputs = {};  ///< In the signature's order.  An absent optional output is null.
  std::vector<Flag> flags = {};
};

/// Why a reply could not be read.  Not an `Error`: models do this every day.
struct Unreadable {
  struct Invalid {
    std::string field = {};
    std::string reason = {};  ///< "`abc` is not a number"
    /// The value, if it has the field's type and only breaks its limits.
    std::optional<Json> value = {};
    Violations violations = {};  ///< The reason, part by part.  Paths begin with the field's name.
  };

  std::vector<std::string> missing = {};
  std::string cause = {};  ///< Why they are missing, if the reply has something broken in their place.
  std::vector<Invalid> invalid = {};
  JsonObject partial = {};  ///< The fields that could be read.
  std::vector<Flag> flags = {};
  std::string raw = {};  ///< The reply, with U+FFFD for invalid UTF-8.

  /// All that is wrong, one by one: a missing field is the violation `missing`.
  Violations violations() const;
  /// The part of a sentence that names every field at fault: "the reply lacks the field `a`".
  std::string complaint() const;
  /// The same, with the start of the reply.
  std::string message() const;
};

/// The `Error` (`parse_error`) for a caller who cannot carry on without the outputs.
Error to_error(const Unreadable& unreadable);

/// A piece of one output field while the reply is being written.
struct FieldEvent {
  std::string_view field = {};
  std::string_view text = {};  ///< Continues the field: whole UTF-8 characters.  Valid during the call only.
  bool done = false;           ///< Nothing more of this field will come.
  /// The earlier text of this field was not its value, such as chatter before a label: discard it and start over with
  /// `text`.
  bool restart = false;
};

using FieldSink = std::function<void(const FieldEvent& event)>;

/// Reads a reply while it grows.  The texts of a field's events since the last `restart` join to
/// the field's raw text, however the reply is cut into pieces.  `parse` reads the values from it.
///
/// For one reply and one thread.  What the sink throws passes through.
class FieldStream {
 public:
  virtual ~FieldStream() = default;
  virtual void push(std::string_view text, const FieldSink& sink) = 0;
  virtual void finish(const FieldSink& sink) = 0;
};

class Exchange;
class LM;

/// A second request that extracts the outputs from the text of the first reply.
struct Extraction {
  std::shared_ptr<LM> lm = {};                    ///< Null: the LM of the call.
  std::shared_ptr<const Exchange> exchange = {};  ///< With one input, and the outputs of the call.
  std::string input = {};                         ///< Its name.
};

/// A signature with its demonstrations, made ready by an adapter: it writes the prompts and reads
/// the replies.  What does not depend on the inputs was worked out once, and prompts share it.
///
/// Immutable: any number of threads may use one.
class Exchange {
 public:
  virtual ~Exchange() = default;

  const Signature& signature() const noexcept { return *signature_; }

  /// The messages that ask for the outputs.  `inputs` are as `checked_inputs` returned them;
  /// `history` are earlier turns of the same conversation, which may be in the first input of the type `History`
  /// instead.  Throws `Error` (`bad_input`) if there are some in both.
  virtual Chat format(const JsonObject& inputs, std::span<const Example> history = {}) const = 0;
  /// Reads the outputs from the text; an output of the type `ToolCalls`, `Citations` or `Reasoning` is what the
  /// completion has as such, where it has any.
  virtual std::expected<Reading, Unreadable> parse(const Completion& completion) const = 0;
  /// Of a completion that is only text.
  std::expected<Reading, Unreadable> parse(std::string_view text) const;
  virtual std::unique_ptr<FieldStream> open_stream() const = 0;

  /// What replies to `format`'s messages must look like.
  virtual OutputContract contract() const = 0;
  /// What is to be asked after that, if one request is not all; else null.  `parse` and
  /// `open_stream` read the last reply.
  virtual const Extraction* extraction() const noexcept { return nullptr; }

 protected:
  explicit Exchange(std::shared_ptr<const Signature> signature) noexcept : signature_(std::move(signature)) {}
  const std::shared_ptr<const Signature>& shared_signature() const noexcept { return signature_; }

 private:
  std::shared_ptr<const Signature> signature_;
};

/// The question that one prompt is written for.
struct Question {
  const Signature& signature;
  std::span<const Example> demos = {};
  std::span<const Example> history = {};
  const JsonObject& inputs;
};

/// Turns questions into messages, and replies back into outputs.  Stateless: one adapter serves
/// any number of threads.
class Adapter {
 public:
  virtual ~Adapter() = default;

  virtual std::string_view name() const noexcept = 0;
  /// For calls that have the signature and the demonstrations in common.
  virtual std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                                  std::span<const Example> demos = {}) const = 0;

  /// One prompt, and one reply, of a signature that is used only once.
  Chat format(const Question& question) const;
  std::expected<Reading, Unreadable> parse(const Signature& signature, std::string_view completion) const;
};

/// The adapter of that name: `field`, `chat`, `json`, `xml` or `two_step`; `chat`, `json` and `xml` may have a
/// `Profile` behind them, `chat@dspy-3.3`.  Throws `Error` (`config_error`) that lists the names.
std::shared_ptr<const Adapter> adapter(std::string_view name);

}  // namespace dspy
