#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"
#include "server/traced_error.hpp"

#include <chrono>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// Errors, and other bodies, as responses.

namespace dspy::server {
namespace {

/// The field at fault, where there is one.
std::string_view field_of(const ErrorInfo& info) {
  if (!info.missing.empty()) return info.missing.front();
  if (!info.invalid.empty()) return info.invalid.front();
  return info.feature;
}

/// Distinguishes wrong requests from requests for what does not exist and from conflicts with the present state.
std::string_view type_of(Errc code, int status) noexcept {
  if (code == Errc::bad_input && status == 404) return "not_found";
  if (code == Errc::bad_input && status == 409) return "conflict";
  return to_string(code);
}

int status_of(Errc code) noexcept {
  switch (code) {
    case Errc::signature_error:
    case Errc::bad_input:
    case Errc::invalid_parameter:
    case Errc::context_too_long:
    case Errc::tokenization_failed:
    case Errc::unsupported: return 400;
    case Errc::model_not_found: return 404;
    case Errc::token_budget_exhausted:
    case Errc::rate_limit_exceeded: return 429;
    case Errc::cancelled: return 499;
    case Errc::parse_error:
    case Errc::authentication_failed:
    case Errc::billing_error:
    case Errc::refused:
    case Errc::stream_broken: return 502;
    case Errc::model_not_loaded:
    case Errc::model_load_error:
    case Errc::unavailable: return 503;
    case Errc::timeout:
    case Errc::deadline_exceeded: return 504;
    case Errc::config_error:
    case Errc::io_error:
    case Errc::inference_failed:
    case Errc::backend_error: break;
  }
  return 500;
}

}  // namespace

int status_of(const Error& error) noexcept {
  if (const auto* told = dynamic_cast<const HttpError*>(&error)) return told->status();
  return status_of(error.code());
}

HttpError with_trace(const Error& error, const std::string& trace_id) {
  const auto* const told = dynamic_cast<const HttpError*>(&error);
  auto headers = told != nullptr ? told->headers() : http::Headers();
  if (!trace_id.empty() && !headers.find(trace_header)) headers.set(trace_header, trace_id);
  return {status_of(error), error.code(), error.what(), error.info(), std::move(headers)};
}

std::optional<std::string> trace_of(const Error& error) {
  const auto* const told = dynamic_cast<const HttpError*>(&error);
  const auto id = told != nullptr ? told->headers().find(trace_header) : std::nullopt;
  return id ? std::optional<std::string>(*id) : std::nullopt;
}

void tell_trace(JsonObject& to, const Error& error) {
  if (auto id = trace_of(error)) to["trace_id"] = *std::move(id);
}

Json error_body(const Error& error, int status) {
  JsonObject body = {{"message", error.what()}, {"type", type_of(error.code(), status)}};
  if (const auto field = field_of(error.info()); !field.empty()) body["field"] = field;
  tell_trace(body, error);
  return JsonObject{{"error", std::move(body)}};
}

HttpResponse error_response(const Error& error, const ErrorForm& form) {
  const int status = status_of(error);
  auto out = json_response(form ? form(error, status) : error_body(error, status), status);
  if (const auto* told = dynamic_cast<const HttpError*>(&error)) {
    for (const auto& [name, value] : told->headers()) out.headers.set(name, value);
  }
  if (const auto& wait = error.info().retry_after; wait && !out.headers.find("Retry-After"))
    out.headers.set("Retry-After", std::format("{}", std::chrono::ceil<std::chrono::seconds>(*wait).count()));
  return out;
}

HttpResponse json_response(const Json& body, int status) {
  return {.status = status,
          .headers = {{.name = "Content-Type", .value = "application/json; charset=utf-8"}},
          .body = to_text(body)};
}

JsonObject json_body(const HttpRequest& request) {
  auto body = parse_json(request.body);
  if (!body)
    throw Error(Errc::bad_input, std::format("the body is not JSON: {}", body.error().message),
                {.position = body.error().position});
  if (const auto repeated = repeated_member(request.body))
    throw Error(Errc::bad_input, std::format("the body cannot be read in one way: {}", repeated->message),
                {.position = repeated->position});
  if (!body->is_object()) throw Error(Errc::bad_input, "the body must be a JSON object");
  return std::move(body->as_object());
}

}  // namespace dspy::server
