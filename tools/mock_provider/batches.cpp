#include "mock_provider/batches.hpp"

#include "dspy/base/json.hpp"
#include "mock_provider/dialect.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::mock {
namespace {

constexpr std::size_t polls_until_done = 2;

Reply json_reply(const JsonObject& body) {
  return {.headers = {{"Content-Type", "application/json"}}, .parts = {to_text(body)}};
}

/// The file in a form: between the blank line of its part and the boundary behind it.
std::string file_in(const Request& request) {
  const auto type = request.headers.find("content-type");
  if (type == request.headers.end()) return {};
  const auto mark = type->second.find("boundary=");
  if (mark == std::string::npos) return {};
  const auto boundary = "\r\n--" + type->second.substr(mark + 9);
  const auto part = request.body.find("name=\"file\"");
  if (part == std::string::npos) return {};
  const auto begin = request.body.find("\r\n\r\n", part);
  const auto end = request.body.find(boundary, part);
  return begin == std::string::npos || end == std::string::npos ? std::string()
                                                                : request.body.substr(begin + 4, end - begin - 4);
}

template <class Visit>
void each_line(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const auto json = parse_json(text.substr(0, end)); json && json->is_object()) visit(json->get_object());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

Request alone(const Request& like, std::string path, const Json& body) {
  return {.method = "POST", .path = std::move(path), .headers = like.headers, .body = to_text(body)};
}

Json body_of(const Reply& reply) {
  return parse_json(reply.body()).value_or(Json(JsonObject()));
}

}  // namespace

std::optional<Reply> Batches::serve(const Request& request, const Answer& answer) {
  const std::lock_guard lock(mutex_);
  if (request.path.find("/messages/batches") != std::string::npos) return anthropic(request, answer);
  if (request.path.ends_with(":batchGenerateContent") || request.path.find("/v1beta/batches/") != std::string::npos)
    return gemini(request, answer);
  if (request.path.find("/files") != std::string::npos || request.path.find("/batches") != std::string::npos)
    return openai(request, answer);
  return std::nullopt;
}

bool Batches::is_done(const std::string& id) {
  return ++asked_[id] >= polls_until_done;
}

std::optional<Reply> Batches::openai(const Request& request, const Answer& answer) {
  const auto& path = request.path;
  const auto name = path.substr(path.rfind('/') + 1);
  if (request.method == "POST" && path.ends_with("/files")) {
    auto id = std::format("file-{}", ++made_);
    files_[id] = file_in(request);
    return json_reply({{"id", id}, {"object", "file"}, {"purpose", "batch"}, {"bytes", files_[id].size()}});
  }
  if (request.method == "POST" && path.ends_with("/batches")) {
    const auto body = parse_json(request.body).value_or(Json());
    if (!body.is_object() || !files_.contains(string_in(body.get_object(), "input_file_id"))) return std::nullopt;
    auto id = std::format("batch_{}", ++made_);
    files_[id] = files_[string_in(body.get_object(), "input_file_id")];
    return json_reply({{"id", id}, {"object", "batch"}, {"status", "validating"}});
  }
  if (request.method != "GET") return std::nullopt;
  if (path.ends_with("/content")) {
    const auto rest = path.substr(0, path.size() - std::string_view("/content").size());
    const auto file = files_.find(rest.substr(rest.rfind('/') + 1));
    if (file == files_.end()) return std::nullopt;
    std::string lines;
    each_line(file->second, [&](const JsonObject& line) {
      const auto reply = answer(alone(request, string_in(line, "url"), line.at("body")));
      lines += to_text(JsonObject{{"id", std::format("batch_req_{}", ++made_)},
                                  {"custom_id", string_in(line, "custom_id")},
                                  {"response", JsonObject{{"status_code", reply.status}, {"body", body_of(reply)}}},
                                  {"error", nullptr}}) +
               "\n";
    });
    return Reply{.headers = {{"Content-Type", "application/jsonl"}}, .parts = {std::move(lines)}};
  }
  if (!files_.contains(name)) return std::nullopt;
  if (!is_done(name)) return json_reply({{"id", name}, {"object", "batch"}, {"status", "in_progress"}});
  // The file of the answers has the name of the batch, whose requests it is made from.
  return json_reply({{"id", name}, {"object", "batch"}, {"status", "completed"}, {"output_file_id", name}});
}

std::optional<Reply> Batches::anthropic(const Request& request, const Answer& answer) {
  const auto& path = request.path;
  if (request.method == "POST") {
    auto id = std::format("msgbatch_{}", ++made_);
    files_[id] = request.body;
    return json_reply({{"id", id}, {"type", "message_batch"}, {"processing_status", "in_progress"}});
  }
  constexpr std::string_view results = "/results";
  if (!path.ends_with(results)) {
    const auto id = path.substr(path.rfind('/') + 1);
    if (!files_.contains(id)) return std::nullopt;
    return json_reply(
        {{"id", id}, {"type", "message_batch"}, {"processing_status", is_done(id) ? "ended" : "in_progress"}});
  }
  const auto rest = path.substr(0, path.size() - results.size());
  const auto batch = files_.find(rest.substr(rest.rfind('/') + 1));
  if (batch == files_.end()) return std::nullopt;
  const auto body = parse_json(batch->second).value_or(Json(JsonObject()));
  const auto* const list = array_in(body.as_object(), "requests");
  std::string lines;
  for (const auto& each : list != nullptr ? *list : JsonArray()) {
    const auto reply = answer(alone(request, "/v1/messages", each.at("params")));
    JsonObject result{{"type", "succeeded"}, {"message", body_of(reply)}};
    if (reply.status != 200) result = {{"type", "errored"}, {"error", body_of(reply)}};
    lines += to_text(JsonObject{{"custom_id", each.at("custom_id")}, {"result", std::move(result)}}) + "\n";
  }
  return Reply{.headers = {{"Content-Type", "application/x-jsonl"}}, .parts = {std::move(lines)}};
}

std::optional<Reply> Batches::gemini(const Request& request, const Answer& answer) {
  const auto& path = request.path;
  if (request.method == "POST") {
    auto id = std::format("batches/{}", ++made_);
    files_[id] = request.body;
    paths_[id] = path.substr(0, path.rfind(':')) + ":generateContent";
    return json_reply({{"name", id}, {"metadata", JsonObject{{"state", "BATCH_STATE_PENDING"}}}});
  }
  const auto id = "batches/" + path.substr(path.rfind('/') + 1);
  const auto batch = files_.find(id);
  if (batch == files_.end()) return std::nullopt;
  if (!is_done(id)) return json_reply({{"name", id}, {"metadata", JsonObject{{"state", "BATCH_STATE_RUNNING"}}}});
  const auto body = parse_json(batch->second).value_or(Json(JsonObject()));
  JsonArray answers;
  for (const auto& each : body.at("batch").at("input_config").at("requests").at("requests").as_array()) {
    const auto reply = answer(alone(request, paths_[id], each.at("request")));
    JsonObject item{{"metadata", each.at("metadata")}};
    if (reply.status == 200) {
      item["response"] = body_of(reply);
    } else {
      item["error"] = JsonObject{{"code", 3}, {"message", "the mock provider refused it"}};
    }
    answers.push_back(std::move(item));
  }
  return json_reply(
      {{"name", id},
       {"done", true},
       {"metadata", JsonObject{{"state", "BATCH_STATE_SUCCEEDED"}}},
       {"response", JsonObject{{"inlinedResponses", JsonObject{{"inlinedResponses", std::move(answers)}}}}}});
}

}  // namespace dspy::mock
