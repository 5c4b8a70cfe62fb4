#include "dspy/base/error.hpp"

namespace dspy {
namespace {

const std::shared_ptr<const ErrorInfo>& no_info() {
  static const auto empty = std::make_shared<const ErrorInfo>();
  return empty;
}

JsonArray to_array(const std::vector<std::string>& names) {
  JsonArray array;
  for (const auto& name : names) array.emplace_back(name);
  return array;
}

}  // namespace

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::signature_error: return "signature_error";
    case Errc::bad_input: return "bad_input";
    case Errc::parse_error: return "parse_error";
    case Errc::invalid_parameter: return "invalid_parameter";
    case Errc::config_error: return "config_error";
    case Errc::io_error: return "io_error";
    case Errc::model_not_found: return "model_not_found";
    case Errc::model_not_loaded: return "model_not_loaded";
    case Errc::model_load_error: return "model_load_error";
    case Errc::tokenization_failed: return "tokenization_failed";
    case Errc::context_too_long: return "context_too_long";
    case Errc::token_budget_exhausted: return "token_budget_exhausted";
    case Errc::rate_limit_exceeded: return "rate_limit_exceeded";
    case Errc::inference_failed: return "inference_failed";
    case Errc::backend_error: return "backend_error";
    case Errc::authentication_failed: return "authentication_failed";
    case Errc::billing_error: return "billing_error";
    case Errc::refused: return "refused";
    case Errc::unsupported: return "unsupported";
    case Errc::unavailable: return "unavailable";
    case Errc::timeout: return "timeout";
    case Errc::stream_broken: return "stream_broken";
    case Errc::deadline_exceeded: return "deadline_exceeded";
    case Errc::cancelled: return "cancelled";
  }
  return "unknown";
}

std::optional<Errc> errc(std::string_view name) noexcept {
  for (int code = 0; code <= static_cast<int>(Errc::cancelled); ++code) {
    if (to_string(static_cast<Errc>(code)) == name) return static_cast<Errc>(code);
  }
  return {};
}

bool is_retryable(Errc code) noexcept {
  return code == Errc::rate_limit_exceeded || code == Errc::unavailable || code == Errc::timeout;
}

Error::Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code), info_(no_info()) {}

Error::Error(Errc code, const std::string& message, ErrorInfo info)
    : std::runtime_error(message), code_(code), info_(std::make_shared<const ErrorInfo>(std::move(info))) {}

JsonObject to_json(const Error& error) {
  const auto& info = error.info();
  JsonObject out;
  out["kind"] = std::string(to_string(error.code()));
  if (error.code() == Errc::parse_error) {
    out["missing"] = to_array(info.missing);
    out["invalid"] = to_array(info.invalid);
  } else {
    if (!info.missing.empty()) out["missing"] = to_array(info.missing);
    if (!info.invalid.empty()) out["invalid"] = to_array(info.invalid);
  }
  out["message"] = error.what();
  if (error.code() == Errc::parse_error || !info.partial.empty()) out["partial"] = info.partial;
  if (!info.unenforced.empty()) out["unenforced"] = to_array(info.unenforced);
  if (!info.violations.empty()) out["violations"] = to_json(info.violations);
  if (info.actual) out["actual"] = *info.actual;
  if (info.max) out["max"] = *info.max;
  if (info.used) out["used"] = *info.used;
  if (info.limit) out["limit"] = *info.limit;
  if (info.position) out["position"] = *info.position;
  if (info.status) out["status"] = *info.status;
  if (info.retry_after) out["retry_after_ms"] = info.retry_after->count();
  if (!info.model.empty()) out["model"] = info.model;
  if (!info.provider.empty()) out["provider"] = info.provider;
  if (!info.request_id.empty()) out["request_id"] = info.request_id;
  if (!info.feature.empty()) out["feature"] = info.feature;
  if (info.usage.requests != 0) out["usage"] = to_json(info.usage);
  return out;
}

}  // namespace dspy
