#include "server/openai/openai.hpp"
#include "server/traced_error.hpp"

#include <string_view>
#include <utility>

namespace dspy::server::openai {
namespace {

std::string_view type_of(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 429: return "rate_limit_error";
    default: return status < 500 ? "invalid_request_error" : "server_error";
  }
}

std::string_view code_of(const Error& error, int status) {
  switch (error.code()) {
    case Errc::context_too_long: return "context_length_exceeded";
    case Errc::token_budget_exhausted: return "insufficient_quota";
    case Errc::rate_limit_exceeded: return "rate_limit_exceeded";
    case Errc::model_not_found: return "model_not_found";
    case Errc::unsupported: return "unsupported_parameter";
    case Errc::authentication_failed: return status == 401 ? "invalid_api_key" : to_string(error.code());
    default: return to_string(error.code());
  }
}

std::string_view place_of(const ErrorInfo& info) {
  if (!info.feature.empty()) return info.feature;
  if (!info.missing.empty()) return info.missing.front();
  if (!info.invalid.empty()) return info.invalid.front();
  return {};
}

}  // namespace

Json error_body(const Error& error, int status) {
  const auto place = place_of(error.info());
  const auto type = error.code() == Errc::token_budget_exhausted ? "insufficient_quota" : type_of(status);
  JsonObject body{{"message", error.what()},
                  {"type", type},
                  {"param", place.empty() ? Json(nullptr) : Json(place)},
                  {"code", code_of(error, status)}};
  tell_trace(body, error);
  return JsonObject{{"error", std::move(body)}};
}

}  // namespace dspy::server::openai
