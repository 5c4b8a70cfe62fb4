#include "bulk/batch/batch_api.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/transport.hpp"

#include <format>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::bulk {
namespace {

// The paths of files and batches are next to the endpoint: …/v1/chat/completions, …/v1/files, …/v1/batches.

std::string base_of(std::string_view url) {
  for (const std::string_view end : {"/chat/completions", "/responses"}) {
    if (url.ends_with(end)) return std::string(url.substr(0, url.size() - end.size()));
  }
  throw Error(Errc::unsupported, std::format("{} has no batch API that dspy supports", url), {.feature = "batch"});
}

std::string multipart(std::string_view boundary, std::string_view file) {
  return std::format(
      "--{0}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
      "--{0}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"batch.jsonl\"\r\n"
      "Content-Type: application/jsonl\r\n\r\n{1}\r\n--{0}--\r\n",
      boundary, file);
}

std::string submit(const http::Request& sample, const std::vector<BatchItem>& items, const std::string& mark,
                   const Send& send) {
  const auto base = base_of(sample.url);
  const auto endpoint = "/v1" + sample.url.substr(base.size());
  std::string lines;
  for (const auto& item : items) {
    lines += std::format(R"({{"custom_id":"{}","method":"POST","url":"{}","body":)", item.key, endpoint);
    lines += item.body;
    lines += "}\n";
  }
  // The mark is a digest, so it is in no body by chance.
  auto upload = like(sample, "POST", base + "/files", multipart(mark, lines));
  upload.headers.set("Content-Type", "multipart/form-data; boundary=" + mark);
  const auto file = text_in(object_of(send(upload)), "id");
  if (file.empty()) throw Error(Errc::unavailable, "the provider gave the uploaded file no id");
  const auto made = object_of(send(like(sample, "POST", base + "/batches",
                                        to_text(JsonObject{{"input_file_id", file},
                                                           {"endpoint", endpoint},
                                                           {"completion_window", "24h"},
                                                           {"metadata", JsonObject{{"dspy", mark}}}}))));
  return text_in(made, "id");
}

BatchState state(const http::Request& sample, const std::string& id, const Send& send) {
  const auto base = base_of(sample.url);
  const auto found = object_of(send(like(sample, "GET", base + "/batches/" + id)));
  BatchState out{.said = text_in(found, "status")};
  // One that expired or was cancelled has answered a part, which is paid for.
  if (out.said == "completed" || out.said == "expired" || out.said == "cancelled") {
    out.kind = BatchState::Kind::ended;
    for (const auto* const name : {"output_file_id", "error_file_id"}) {
      if (const auto file = text_in(found, name); !file.empty())
        out.results.push_back(std::format("{}/files/{}/content", base, file));
    }
  } else if (out.said == "failed") {
    out.kind = BatchState::Kind::failed;
    if (const auto* const errors = found.if_contains("errors")) out.said += ": " + to_text(*errors);
  }
  return out;
}

std::vector<BatchAnswer> read(std::string_view text) {
  std::vector<BatchAnswer> out;
  each_object(text, [&](const JsonObject& line) {
    const auto* const response = object_in(line, "response");
    const auto* const body = response != nullptr ? object_in(*response, "body") : nullptr;
    const auto* const status = response != nullptr ? response->if_contains("status_code") : nullptr;
    if (body == nullptr || status == nullptr || !status->is_int64()) return;  // expired or lost: asked again
    out.push_back(
        {.key = text_in(line, "custom_id"), .status = static_cast<int>(status->get_int64()), .body = to_text(*body)});
  });
  return out;
}

}  // namespace

const BatchApi openai_batches{.name = "openai", .submit = submit, .state = state, .read = read};

}  // namespace dspy::bulk
