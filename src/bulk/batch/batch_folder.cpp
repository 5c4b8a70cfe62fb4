#include "bulk/batch/batch_folder.hpp"

#include "bulk/batch/batch_api.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <format>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::bulk {
namespace {

constexpr std::uintmax_t longest = std::uintmax_t{64} << 30;

std::int64_t number_in(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

}  // namespace

BatchFolder::BatchFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::error_code code;
  std::filesystem::create_directories(folder_, code);
  lock_ = ::open((folder_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (code || lock_ < 0)
    throw Error(Errc::io_error, std::format("cannot write in `{}`; check its permissions", folder_.string()));
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw Error(Errc::config_error,
                std::format("another process is working on the batches in `{}`; wait for it", folder_.string()));
  }
  try {
    read();
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

BatchFolder::~BatchFolder() {
  ::close(lock_);
}

void BatchFolder::read() {
  std::error_code code;
  const auto path = folder_ / "batches.json";
  if (!std::filesystem::exists(path, code)) return;
  const auto json = parse_json(read_text(path, longest));
  const auto* const object = json ? json->if_object() : nullptr;
  const auto* const list = object != nullptr ? object->if_contains("batches") : nullptr;
  if (list == nullptr || !list->is_array())
    throw Error(Errc::config_error, std::format("`{}` cannot be read; restore it", path.string()));
  for (const auto& each : list->get_array()) {
    const auto* const from = each.if_object();
    if (from == nullptr) throw Error(Errc::config_error, std::format("`{}` is damaged; restore it", path.string()));
    KeptBatch batch;
    batch.id = text_in(*from, "id");
    batch.state = text_in(*from, "state");
    batch.requests = text_in(*from, "requests");
    batch.count = static_cast<std::uint64_t>(number_in(*from, "count"));
    batch.said = text_in(*from, "said");
    batch.url = text_in(*from, "url");
    batch.mark = text_in(*from, "mark");
    batches_.push_back(std::move(batch));
  }
}

void BatchFolder::save() const {
  JsonArray list;
  for (const auto& batch : batches_)
    list.push_back(JsonObject{{"id", batch.id},
                              {"state", batch.state},
                              {"requests", batch.requests},
                              {"count", batch.count},
                              {"said", batch.said},
                              {"url", batch.url},
                              {"mark", batch.mark}});
  replace_file(folder_ / "batches.json", to_pretty_text(JsonObject{{"batches", std::move(list)}}) + "\n");
}

std::string BatchFolder::write_requests(const std::vector<BatchItem>& items) const {
  std::string text;
  for (const auto& item : items) text += "{\"key\":\"" + item.key + "\",\"body\":" + item.body + "}\n";
  auto name = std::format("requests-{:04}.jsonl", batches_.size());
  replace_file(folder_ / name, text);
  return name;
}

std::set<std::string> BatchFolder::waiting() const {
  std::set<std::string> out;
  for (const auto& batch : batches_) {
    if (batch.state != "submitting" && batch.state != "submitted") continue;
    each_object(read_file(folder_ / batch.requests, longest),
                [&](const JsonObject& line) { out.insert(text_in(line, "key")); });
  }
  return out;
}

void BatchFolder::each_reply(const std::function<void(BatchAnswer answer)>& visit) const {
  std::error_code code;
  const auto path = folder_ / "replies.jsonl";
  if (!std::filesystem::exists(path, code)) return;
  each_object(read_file(path, longest), [&](const JsonObject& line) {
    const auto* const body = line.if_contains("body");
    if (body != nullptr)
      visit(
          {.key = text_in(line, "key"), .status = static_cast<int>(number_in(line, "status")), .body = to_text(*body)});
  });
}

void BatchFolder::add_replies(const std::vector<BatchAnswer>& answers) const {
  std::error_code code;
  const auto path = folder_ / "replies.jsonl";
  auto text = std::filesystem::exists(path, code) ? read_file(path, longest) : std::string();
  for (const auto& answer : answers)
    text += std::format("{{\"key\":\"{}\",\"status\":{},\"body\":", answer.key, answer.status) + answer.body + "}\n";
  replace_file(path, text);
}

}  // namespace dspy::bulk
