#include "dspy/server/experiments/served_names.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "server/random_id.hpp"
#include "server/stored/checkpoint_view.hpp"
#include "server/stored/files/file_lock.hpp"

#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <ios>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::uintmax_t most_bytes = 1 << 20;

std::filesystem::path folder_of(const Workspace& workspace) {
  return workspace.folder() / "served";
}

std::vector<std::filesystem::path> locks_of(const Workspace& workspace) {
  std::vector<std::filesystem::path> out;
  std::error_code code;
  for (const auto& each : std::filesystem::directory_iterator(folder_of(workspace), code))
    if (each.path().extension() == ".lock") out.push_back(each.path());
  return out;
}

std::filesystem::path names_beside(std::filesystem::path lock) {
  return lock.replace_extension(".json");
}

void remove_ended(const Workspace& workspace) {
  std::error_code ignored;
  for (const auto& lock : locks_of(workspace)) {
    if (is_held(lock)) continue;
    std::filesystem::remove(names_beside(lock), ignored);
    std::filesystem::remove(lock, ignored);
  }
}

/// Whole or not at all for those who read it.  It need not survive the machine, so nothing waits for the disk.
void write_names(const std::filesystem::path& path, const std::string& text) {
  auto part = path;
  part += ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  std::error_code code;
  if (file) std::filesystem::rename(part, path, code);
  if (file && !code) return;
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  throw Error(Errc::io_error,
              std::format("what is served cannot be written to `{}`; check the folder and the disk", path.string()));
}

}  // namespace

class ServedNames::Held {
 public:
  explicit Held(std::filesystem::path path) : path_(std::move(path)), lock_(path_) {}
  ~Held() {
    std::error_code ignored;
    std::filesystem::remove(names_beside(path_), ignored);
    std::filesystem::remove(path_, ignored);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  std::filesystem::path path_;
  FileLock lock_;
};

ServedNames::ServedNames(const Workspace& workspace) {
  const auto folder = folder_of(workspace);
  std::filesystem::create_directories(folder);
  remove_ended(workspace);
  file_ = folder / (random_id() + ".json");
  auto lock = file_;
  held_ = std::make_unique<Held>(lock.replace_extension(".lock"));
}

ServedNames::~ServedNames() = default;

void ServedNames::tell(std::set<std::string> programs) {
  if (told_ == programs) return;
  write_names(file_, to_text(JsonObject{{"programs", JsonArray(programs.begin(), programs.end())}}) + "\n");
  told_ = std::move(programs);
}

std::optional<std::set<std::string>> served_names(const Workspace& workspace) {
  std::optional<std::set<std::string>> out;
  for (const auto& lock : locks_of(workspace)) {
    if (!is_held(lock)) continue;
    if (!out) out.emplace();
    const auto path = names_beside(lock);
    std::error_code code;
    if (!std::filesystem::is_regular_file(path, code)) continue;
    const auto json = parse_json(read_text(path, most_bytes));
    const auto* const object = json ? json->if_object() : nullptr;
    const auto* const programs = object != nullptr ? object->if_contains("programs") : nullptr;
    if (programs == nullptr || !programs->is_array()) continue;
    for (const auto& each : programs->get_array())
      if (each.is_string()) out->emplace(view(each.get_string()));
  }
  return out;
}

}  // namespace dspy::server
