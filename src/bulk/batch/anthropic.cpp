#include "bulk/batch/batch_api.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/transport.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy::bulk {
namespace {

/// The status that an error has when its request is sent alone.
int status_of(std::string_view type) {
  if (type == "invalid_request_error") return 400;
  if (type == "authentication_error") return 401;
  if (type == "billing_error") return 402;
  if (type == "permission_error") return 403;
  if (type == "not_found_error") return 404;
  if (type == "request_too_large") return 413;
  if (type == "rate_limit_error") return 429;
  if (type == "overloaded_error") return 529;
  return 500;
}

std::string submit(const http::Request& sample, const std::vector<BatchItem>& items, const std::string& /*mark*/,
                   const Send& send) {
  std::string body = "{\"requests\":[";
  for (const auto& item : items) {
    if (&item != &items.front()) body += ',';
    body += "{\"custom_id\":\"" + item.key + "\",\"params\":" + item.body + "}";
  }
  body += "]}";
  return text_in(object_of(send(like(sample, "POST", sample.url + "/batches", body))), "id");
}

BatchState state(const http::Request& sample, const std::string& id, const Send& send) {
  const auto url = sample.url + "/batches/" + id;
  const auto found = object_of(send(like(sample, "GET", url)));
  BatchState out{.said = text_in(found, "processing_status")};
  if (out.said == "ended") {
    out.kind = BatchState::Kind::ended;
    // Beside the batch, not at `results_url`: credentials go to no place that a reply names.
    out.results.push_back(url + "/results");
  }
  return out;
}

std::vector<BatchAnswer> read(std::string_view text) {
  std::vector<BatchAnswer> out;
  each_object(text, [&](const JsonObject& line) {
    const auto* const result = object_in(line, "result");
    if (result == nullptr) return;
    BatchAnswer answer{.key = text_in(line, "custom_id")};
    const auto type = text_in(*result, "type");
    if (const auto* const message = object_in(*result, "message"); type == "succeeded" && message != nullptr) {
      answer.status = 200;
      answer.body = to_text(*message);
    } else if (const auto* const error = object_in(*result, "error"); type == "errored" && error != nullptr) {
      const auto* const inner = object_in(*error, "error");
      answer.status = status_of(text_in(inner != nullptr ? *inner : *error, "type"));
      answer.body = to_text(inner != nullptr ? *error : JsonObject{{"type", "error"}, {"error", *error}});
    } else {
      return;  // expired or cancelled: asked again
    }
    out.push_back(std::move(answer));
  });
  return out;
}

}  // namespace

const BatchApi anthropic_batches{.name = "anthropic", .submit = submit, .state = state, .read = read};

}  // namespace dspy::bulk
