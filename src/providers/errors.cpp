#include "providers/errors.hpp"

#include "dspy/base/text.hpp"
#include "dspy/http/retry_after.hpp"
#include "providers/json_tools.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <optional>
#include <string>
#include <utility>

namespace dspy::providers {
namespace {

/// An error in the members that providers have for it.
struct Told {
  std::string message = {};
  std::string type = {};  ///< OpenAI's `type`, Anthropic's, Gemini's `status`.
  std::string code = {};
  std::string param = {};
  std::string request_id = {};
  int status = 0;  ///< Its place in the body.
  std::optional<std::chrono::milliseconds> retry_after = {};
  bool daily = false;  ///< A quota of the day is used up.
};

std::string scalar_at(const JsonObject& object, std::string_view name) {
  const auto* const found = member_at(object, name);
  if (found == nullptr || found->is_structured()) return {};
  return found->is_string() ? std::string(view(found->get_string())) : to_text(*found);
}

/// `46s`, `0.5s`.
std::optional<std::chrono::milliseconds> duration_of(std::string_view text) {
  if (!text.ends_with('s')) return {};
  text.remove_suffix(1);
  double seconds = 0;
  const auto* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc{} || parsed != end || seconds < 0 || seconds > 1e7) return {};
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

void read_google_details(Told& told, const JsonArray& details) {
  for (const auto& each : details) {
    const auto* const detail = each.if_object();
    if (detail == nullptr) continue;
    if (const auto delay = text_at(*detail, "retryDelay"); !delay.empty()) told.retry_after = duration_of(delay);
    const auto* const violations = array_at(*detail, "violations");
    if (violations == nullptr) continue;
    for (const auto& violation : *violations)
      if (const auto* const quota = violation.if_object())
        told.daily = told.daily || text_at(*quota, "quotaId").contains("PerDay");
  }
}

Told told_by(const Json& error) {
  Told told;
  if (error.is_string()) {
    told.message = view(error.get_string());
    return told;
  }
  const auto* const object = error.if_object();
  if (object == nullptr) return told;
  told.message = scalar_at(*object, "message");
  told.type = scalar_at(*object, "type");
  if (told.type.empty()) told.type = scalar_at(*object, "status");
  told.code = scalar_at(*object, "code");
  told.param = scalar_at(*object, "param");
  if (const auto code = count_at(*object, "code"); code && *code >= 400 && *code < 600)
    told.status = static_cast<int>(*code);
  if (const auto* const details = array_at(*object, "details")) read_google_details(told, *details);
  if (const auto* const metadata = object_at(*object, "metadata"); metadata != nullptr && told.type.empty())
    told.type = scalar_at(*metadata, "error_type");
  return told;
}

Told told_by_body(const Json& body) {
  const Json* whole = &body;
  if (const auto* const list = body.if_array(); list != nullptr && !list->empty()) whole = &list->front();
  const auto* const object = whole->if_object();
  if (object == nullptr) return {};
  const auto* const error = member_at(*object, "error");
  auto told = told_by(error != nullptr ? *error : *whole);
  if (told.message.empty()) {
    if (const auto* const detail = member_at(*object, "detail")) {
      told.message = detail->is_string() ? std::string(view(detail->get_string())) : to_text(*detail);
    } else {
      told.message = text_at(*object, "message");
    }
  }
  told.request_id = text_at(*object, "request_id");
  return told;
}

bool names(const Told& told, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return told.code == word || told.type == word; });
}

/// Anthropic and Gemini have no code for it, so their words decide there.
bool is_context(const Told& told) {
  if (names(told, {"context_length_exceeded", "exceed_context_size_error", "model_context_window_exceeded"}))
    return true;
  static constexpr auto phrases = std::to_array<std::string_view>(
      {"prompt is too long", "maximum context length", "exceeds the maximum number of tokens",
       "input length and `max_tokens`", "exceeds the available context size", "context length is only",
       "exceeds the context length", "exceeds maximum context length"});
  const auto message = text::to_lower(told.message);
  return std::ranges::any_of(phrases, [&](std::string_view phrase) { return message.contains(phrase); });
}

bool is_money(const Told& told) {
  return names(told,
               {"insufficient_quota", "billing_error", "credit_balance_exhausted", "organization_spend_limit_exceeded",
                "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
                "enforced_spend_limit_reached", "insufficient_credits"});
}

Errc bad_request_code(const Told& told) {
  if (is_context(told)) return Errc::context_too_long;
  if (is_money(told)) return Errc::billing_error;
  if (names(told, {"websocket_connection_limit_reached"})) return Errc::unavailable;  // another socket will do
  if (names(told, {"model_not_found", "unknown_model", "invalid_model"})) return Errc::model_not_found;
  if (names(told, {"unsupported_parameter", "unsupported_value", "unsupported_model"})) return Errc::unsupported;
  return Errc::refused;
}

/// By status, then by the provider's own names.
Errc code_of(int status, const Told& told) {
  switch (status) {
    case 401:
    case 403: return Errc::authentication_failed;
    case 402: return Errc::billing_error;
    case 404:
      return names(told, {"model_not_found", "not_found_error", "NOT_FOUND"}) || told.message.contains("model")
                 ? Errc::model_not_found
                 : Errc::refused;
    case 408:
    case 504: return Errc::timeout;
    case 409:
    case 425: return Errc::unavailable;
    case 429: return is_money(told) ? Errc::billing_error : Errc::rate_limit_exceeded;
    case 498: return Errc::unavailable;  // Groq: no capacity
    default: return status >= 500 ? Errc::unavailable : bad_request_code(told);
  }
}

/// Of an error without a status: in a stream, or within a reply of status 200.
int status_by_name(const Told& told) {
  if (told.status != 0) return told.status;
  using Pair = std::pair<std::string_view, int>;
  static constexpr auto known = std::to_array<Pair>({
      {"invalid_request_error", 400},
      {"authentication_error", 401},
      {"permission_error", 403},
      {"not_found_error", 404},
      {"request_too_large", 413},
      {"rate_limit_error", 429},
      {"rate_limit_exceeded", 429},
      {"insufficient_quota", 429},
      {"billing_error", 402},
      {"api_error", 500},
      {"server_error", 500},
      {"timeout_error", 504},
      {"overloaded_error", 529},
      {"INVALID_ARGUMENT", 400},
      {"FAILED_PRECONDITION", 400},
      {"PERMISSION_DENIED", 403},
      {"NOT_FOUND", 404},
      {"RESOURCE_EXHAUSTED", 429},
      {"INTERNAL", 500},
      {"UNAVAILABLE", 503},
      {"DEADLINE_EXCEEDED", 504},
      {"context_length_exceeded", 400},
      {"invalid_prompt", 400},
      {"server_is_overloaded", 503},
      {"slow_down", 429},
      {"vector_store_timeout", 504},
      {"content_policy_violation", 400},
      {"image_parse_error", 400},
      {"model_not_found", 404},
  });
  for (const auto& [name, status] : known)
    if (told.code == name || told.type == name) return status;
  return 0;
}

std::string_view remedy_of(Errc code) noexcept {
  switch (code) {
    case Errc::authentication_failed: return "check the key and its permissions";
    case Errc::billing_error: return "check the account's balance and limits";
    case Errc::rate_limit_exceeded: return "slow down, or try again later";
    case Errc::context_too_long: return "shorten the prompt, or use a model with a larger context";
    case Errc::model_not_found: return "check the model's name";
    case Errc::unsupported: return "leave it out, or ask another model";
    case Errc::refused: return "asking again changes nothing";
    default: return "ask again";
  }
}

/// One line of valid text of a bounded length.
std::string tidy(std::string_view message) {
  text::Utf8Buffer buffer;
  auto out = buffer.push(message.substr(0, 2000)) + buffer.finish();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7F') c = ' ';
  return std::string(text::trim(out));
}

/// The numbers of a sentence, in their order.
std::vector<std::uint64_t> numbers_in(std::string_view text) {
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < text.size();) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), number);
    if (error != std::errc{}) {
      ++i;
      continue;
    }
    out.push_back(number);
    i = static_cast<std::size_t>(end - text.data());
  }
  return out;
}

/// The two large numbers of a complaint about length: the smaller one is what fits.
void read_lengths(ErrorInfo& info, std::string_view message) {
  auto numbers = numbers_in(message);
  std::erase_if(numbers, [](std::uint64_t number) { return number < 64; });
  if (numbers.size() < 2) return;
  const auto [least, most] = std::ranges::minmax(std::span(numbers).first(2));
  if (least == most) return;
  info.max = least;
  info.actual = most;
}

Error make_error(const Dialect& dialect, std::string_view model, Errc code, const Told& told, ErrorInfo info) {
  info.model = model;
  info.provider = dialect.name;
  if (info.request_id.empty()) info.request_id = told.request_id;
  if (code == Errc::unsupported) info.feature = told.param;
  if (code == Errc::context_too_long) read_lengths(info, told.message);
  if (told.daily && code == Errc::rate_limit_exceeded) info.retry_after = std::chrono::hours(24);
  auto said = tidy(told.message);
  if (said.empty()) said = told.type.empty() ? "no reason given" : told.type;
  auto message = std::format("{}: {}", dialect.title, said);
  if (info.status) std::format_to(std::back_inserter(message), " (HTTP {})", *info.status);
  if (!model.empty()) std::format_to(std::back_inserter(message), ", model `{}`", model);
  if (told.daily) message += ", the quota of the day is used up";
  message += "; ";
  message += remedy_of(code);
  return {code, message, std::move(info)};
}

}  // namespace

Error status_error(const Dialect& dialect, std::string_view model, const http::Response& response,
                   std::chrono::system_clock::time_point now) {
  const auto json = parse_json(text::trim(response.body));
  const auto told = json ? told_by_body(*json) : Told();
  ErrorInfo info{.status = response.status};
  info.retry_after = http::retry_after(response.headers, now);
  if (!info.retry_after) info.retry_after = told.retry_after;
  for (const auto* const name : {"x-request-id", "request-id", "apim-request-id"})
    if (const auto id = response.headers.find(name); id && info.request_id.empty()) info.request_id = *id;
  if (!json) info.raw = response.body.substr(0, 4096);
  return make_error(dialect, model, code_of(response.status, told), told, std::move(info));
}

Error reply_error(const Dialect& dialect, std::string_view model, const Json& error) {
  const auto told = told_by(error);
  const int status = status_by_name(told);
  ErrorInfo info{.retry_after = told.retry_after};
  if (told.status != 0) info.status = status;
  const auto code = status != 0 ? code_of(status, told) : is_context(told) ? Errc::context_too_long : Errc::unavailable;
  return make_error(dialect, model, code, told, std::move(info));
}

}  // namespace dspy::providers
