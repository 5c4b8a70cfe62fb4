#include "bulk/batch/batch_api.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/transport.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy::bulk {
namespace {

/// HTTP's status for a code of `google.rpc.Status`.
int status_of(std::int64_t code) {
  switch (code) {
    case 3:
    case 9:
    case 11: return 400;
    case 5: return 404;
    case 7: return 403;
    case 8: return 429;
    case 14: return 503;
    case 16: return 401;
    default: return code >= 400 && code < 600 ? static_cast<int>(code) : 500;
  }
}

std::string submit(const http::Request& sample, const std::vector<BatchItem>& items, const std::string& mark,
                   const Send& send) {
  std::string body =
      "{\"batch\":{\"display_name\":\"dspy-" + mark + "\",\"input_config\":{\"requests\":{\"requests\":[";
  for (const auto& item : items) {
    if (&item != &items.front()) body += ',';
    body += "{\"request\":" + item.body + ",\"metadata\":{\"key\":\"" + item.key + "\"}}";
  }
  body += "]}}}}";
  const auto model = sample.url.substr(0, sample.url.rfind(':'));
  return text_in(object_of(send(like(sample, "POST", model + ":batchGenerateContent", body))), "name");
}

std::vector<BatchAnswer> answers_of(const JsonObject& response) {
  std::vector<BatchAnswer> out;
  const auto* const outer = object_in(response, "inlinedResponses");
  const auto* const list = outer != nullptr ? outer->if_contains("inlinedResponses") : nullptr;
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& each : list->get_array()) {
    const auto* const item = each.if_object();
    const auto* const metadata = item != nullptr ? object_in(*item, "metadata") : nullptr;
    if (metadata == nullptr) continue;
    BatchAnswer answer{.key = text_in(*metadata, "key")};
    if (const auto* const reply = object_in(*item, "response")) {
      answer.status = 200;
      answer.body = to_text(*reply);
    } else if (const auto* const error = object_in(*item, "error")) {
      const auto* const code = error->if_contains("code");
      answer.status = status_of(code != nullptr && code->is_int64() ? code->get_int64() : 13);
      answer.body = to_text(JsonObject{{"error", *error}});
    } else {
      continue;
    }
    out.push_back(std::move(answer));
  }
  return out;
}

BatchState state(const http::Request& sample, const std::string& id, const Send& send) {
  const auto found = object_of(send(like(sample, "GET", origin_of(sample.url) + "/v1beta/" + id)));
  BatchState out;
  if (const auto* const metadata = object_in(found, "metadata")) out.said = text_in(*metadata, "state");
  const auto* const done = found.if_contains("done");
  if (done == nullptr || !done->is_bool() || !done->get_bool()) return out;
  if (const auto* const response = object_in(found, "response")) {
    out.kind = BatchState::Kind::ended;
    out.answers = answers_of(*response);
  } else {
    out.kind = BatchState::Kind::failed;
    if (const auto* const error = object_in(found, "error")) out.said += ": " + to_text(*error);
  }
  return out;
}

}  // namespace

const BatchApi gemini_batches{.name = "gemini", .submit = submit, .state = state, .read = nullptr};

}  // namespace dspy::bulk
