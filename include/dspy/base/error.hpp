#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/base/violation.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <expected>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// What kind of thing went wrong.  `to_string` gives the name used in JSON output.
enum class Errc {
  signature_error,         ///< The notation or the struct does not describe a signature.
  bad_input,               ///< A value handed to a program is missing or has the wrong type.
  parse_error,             ///< A reply lacks fields or holds values of another type.
  invalid_parameter,       ///< An option or argument is outside its range.
  config_error,            ///< Nothing (or the wrong thing) was configured, such as no LM.
  io_error,                ///< A file or pipe could not be read or written.
  model_not_found,         ///< No model file by that name or path.
  model_not_loaded,        ///< The model was unloaded, or never loaded.
  model_load_error,        ///< The file is not a model, is damaged, or its architecture is unknown.
  tokenization_failed,     ///< Text could not be turned into tokens, or back.
  context_too_long,        ///< The prompt has `actual` tokens where `max` fit.
  token_budget_exhausted,  ///< `used` tokens of a budget of `limit` are spent.
  rate_limit_exceeded,     ///< Too many requests; `retry_after` says when to come back.
  inference_failed,        ///< The model could not compute an answer.
  backend_error,           ///< The inference library or a device failed, or is not installed.
  authentication_failed,   ///< The provider rejects the key, or there is none, or it lacks permission.
  billing_error,           ///< The account has no money left, or is closed.
  refused,                 ///< The provider did not accept the request; retrying will not help.
  unsupported,             ///< The model or the backend has no such ability; `feature` names it.
  unavailable,             ///< A provider could not be reached, or failed on its side.
  timeout,                 ///< A provider did not answer in time.
  stream_broken,           ///< A streamed reply ended early or out of order; `raw` has the text so far.
  deadline_exceeded,       ///< The request's deadline passed.
  cancelled,               ///< The caller asked to stop.
};

/// Whether the same request may succeed a little later: a rate limit, a timeout, a provider that is unavailable.
bool is_retryable(Errc code) noexcept;

/// The name of `code` in JSON output and logs, such as `"parse_error"`.
std::string_view to_string(Errc code) noexcept;
/// The code that `to_string` names so, if there is one.
std::optional<Errc> errc(std::string_view name) noexcept;

/// The facts behind an error, each where it applies: `{.actual = 9000, .max = 8192}`.
struct ErrorInfo {
  std::optional<std::uint64_t> actual = {};  ///< With `max`: tokens needed and tokens available.
  std::optional<std::uint64_t> max = {};
  std::optional<std::uint64_t> used = {};  ///< With `limit`: the state of a budget.
  std::optional<std::uint64_t> limit = {};
  std::optional<std::size_t> position = {};  ///< Bytes from the start of the text at fault.
  std::optional<int> status = {};            ///< A provider's HTTP status.
  std::optional<std::chrono::milliseconds> retry_after = {};
  std::string model = {};
  std::string provider = {};
  std::string request_id = {};
  std::string feature = {};  ///< What is not supported: the place in the request, such as `messages[0].parts[1]`.
  std::vector<std::string> missing = {};     ///< Fields that are absent.
  std::vector<std::string> invalid = {};     ///< Fields whose value has the wrong type or breaks a rule.
  std::vector<std::string> unenforced = {};  ///< Constraints not enforced on a local model, with reasons.
  Violations violations = {};                ///< What is wrong with them, one by one.
  Usage usage = {};                          ///< What the failed call took.
  std::string raw = {};                      ///< The text that could not be read, or was written so far.
  JsonObject partial = {};                   ///< The fields that could be read.
};

/// What went wrong, for a caller who cannot carry on.  The message names the thing
/// and the remedy.  Copies share their facts and never throw.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& message);
  Error(Errc code, const std::string& message, ErrorInfo info);

  Errc code() const noexcept { return code_; }
  const ErrorInfo& info() const noexcept { return *info_; }

 private:
  Errc code_;
  std::shared_ptr<const ErrorInfo> info_;
};

/// `{"kind", "message", …}` with every fact that is set: what `--json` prints.
JsonObject to_json(const Error& error);

/// Runs `work` and returns any exception as a value: the only conversion from throwing to returning, for places where
/// one failure must not end the rest.  Foreign exceptions become `inference_failed` with their message.
template <class F>
auto attempt(F&& work) -> std::expected<decltype(std::forward<F>(work)()), Error> {
  try {
    if constexpr (std::is_void_v<decltype(std::forward<F>(work)())>) {
      std::forward<F>(work)();
      return {};
    } else {
      return std::forward<F>(work)();
    }
  } catch (const Error& error) {
    return std::unexpected(error);
  } catch (const std::exception& error) {
    return std::unexpected(Error(Errc::inference_failed, error.what()));
  }
}

}  // namespace dspy
