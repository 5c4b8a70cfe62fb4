#include "dspy/models/store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/models/source.hpp"
#include "models/files.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::models {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 20;
constexpr int format = 1;

class Reader {
 public:
  Reader(fs::path file, const JsonObject& json) : file_(std::move(file)), json_(&json) {}

  KeptModel read() const {
    const auto* const version = json_->if_contains("dspy_model");
    if (version == nullptr || !version->is_int64() || version->get_int64() != format)
      refuse(std::format("has no `dspy_model: {}`, so a newer dspy may have written it", format));
    KeptModel out;
    out.name = text(*json_, "name");
    out.source = text(*json_, "source");
    out.revision = text(*json_, "revision");
    out.license = text(*json_, "license");
    out.pulled = text(*json_, "pulled");
    const auto* const files = json_->if_contains("files");
    if (files == nullptr || !files->is_array()) refuse("has no list `files`");
    for (const auto& each : files->get_array()) {
      if (!each.is_object()) refuse("has a file that is not an object");
      const auto& object = each.get_object();
      const auto* const bytes = object.if_contains("bytes");
      if (bytes == nullptr || !bytes->is_int64() || bytes->get_int64() < 0) refuse("has a file without `bytes`");
      out.files.push_back({.name = text(object, "name"),
                           .bytes = static_cast<std::uint64_t>(bytes->get_int64()),
                           .sha256 = text(object, "sha256"),
                           .etag = text_or_none(object, "etag"),
                           .modified = text_or_none(object, "modified")});
      if (!is_file_name(out.files.back().name)) refuse("names a file that is not in its folder");
    }
    if (out.files.empty()) refuse("names no files");
    out.folder = file_.parent_path();
    return out;
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(Errc::config_error,
                std::format("`{}` {}; delete its folder and pull the model again", file_.string(), why));
  }

  std::string text(const JsonObject& object, std::string_view key) const {
    const auto* const value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) refuse(std::format("has no text `{}`", key));
    return std::string(view(value->get_string()));
  }

  std::string text_or_none(const JsonObject& object, std::string_view key) const {
    return object.contains(key) ? text(object, key) : std::string();
  }

  fs::path file_;
  const JsonObject* json_;
};

KeptModel read_model(const fs::path& file) {
  const auto json = parse_json(read_text(file, most_bytes));
  if (!json || !json->is_object())
    throw Error(Errc::config_error,
                std::format("`{}` is not a JSON object; delete its folder and pull the model again", file.string()));
  return Reader(file, json->get_object()).read();
}

}  // namespace

std::uint64_t KeptModel::bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& file : files) sum += file.bytes;
  return sum;
}

fs::path KeptModel::main_file() const {
  const auto found = std::ranges::find_if_not(files, [](const KeptFile& file) { return is_senses_file(file.name); });
  return folder / (found == files.end() ? files.front() : *found).name;
}

JsonObject to_json(const KeptModel& model) {
  JsonArray files;
  for (const auto& file : model.files) {
    JsonObject told{{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}};
    if (!file.etag.empty()) told["etag"] = file.etag;
    if (!file.modified.empty()) told["modified"] = file.modified;
    files.push_back(std::move(told));
  }
  return {{"dspy_model", format},       {"name", model.name},       {"source", model.source},
          {"revision", model.revision}, {"license", model.license}, {"pulled", model.pulled},
          {"files", std::move(files)}};
}

fs::path ModelStore::default_folder() {
  if (const char* const named = std::getenv("DSPY_MODELS"); named != nullptr && *named != '\0') {
    const std::string_view all = named;
    return all.substr(0, all.find(':'));
  }
  if (const char* const data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/')
    return fs::path(data) / "dspy" / "models";
  if (const char* const home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return fs::path(home) / ".local" / "share" / "dspy" / "models";
  throw Error(Errc::config_error, "there is no folder for models: set DSPY_MODELS (or HOME)");
}

std::vector<KeptModel> ModelStore::list() const {
  std::vector<KeptModel> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (const auto file = entry.path() / manifest_name; fs::exists(file, error)) out.push_back(read_model(file));
  }
  std::ranges::sort(out, {}, &KeptModel::name);
  return out;
}

std::optional<KeptModel> ModelStore::find(std::string_view name) const {
  std::error_code error;
  if (!is_model_name(name)) return std::nullopt;
  const auto file = folder_ / name / manifest_name;
  return fs::exists(file, error) ? std::optional(read_model(file)) : std::nullopt;
}

void ModelStore::remove(std::string_view name) const {
  const auto model = find(name);
  std::error_code error;
  if (!model && is_model_name(name) && !fs::is_symlink(folder_ / name, error) &&
      fs::is_directory(folder_ / name, error)) {
    const auto folder = folder_ / name;  // of a pull that did not end
    const FolderLock lock(folder);
    remove_unfinished(folder);
    remove_file(folder / lock_name);
    if (fs::remove(folder, error)) return;
  }
  if (!model) {
    std::vector<std::string> names;
    for (auto& each : list()) names.push_back(std::move(each.name));
    throw Error(Errc::model_not_found,
                std::format("no model `{}` was pulled into `{}`; {}", name, folder_.string(),
                            names.empty() ? "none was" : "there is " + text::enumerate(names, "`", "and")),
                {.model = std::string(name)});
  }
  const FolderLock lock(model->folder);
  for (const auto& file : model->files) remove_file(model->folder / file.name);
  remove_unfinished(model->folder);
  remove_file(model->folder / manifest_name);
  remove_file(model->folder / lock_name);
  fs::remove(model->folder, error);  // stays where somebody put something else into it
}

void ModelStore::keep(const KeptModel& model) const {
  replace_file(model.folder / manifest_name, to_pretty_text(to_json(model)) + "\n");
}

}  // namespace dspy::models
