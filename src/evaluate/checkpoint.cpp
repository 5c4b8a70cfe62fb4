#include "evaluate/checkpoint.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr std::uintmax_t longest = std::uintmax_t{4} << 30;
constexpr auto sync_interval = std::chrono::seconds(1);

[[noreturn]] void fail(std::string_view verb, const std::filesystem::path& path, int code) {
  throw Error(Errc::io_error,
              std::format("cannot {} the checkpoint `{}`: {}; check the folder, its permissions and the free space",
                          verb, path.string(), std::generic_category().message(code)));
}

/// An unused name next to `path`.
std::filesystem::path free_name(const std::filesystem::path& path) {
  for (int i = 1;; ++i) {
    auto name = path;
    name += std::format(".damaged-{}", i);
    std::error_code code;
    if (!std::filesystem::exists(name, code)) return name;
  }
}

/// What differs between what a file says it is of and what is asked, for people.
std::string differences(const JsonObject& written, const JsonObject& wanted) {
  std::vector<std::string> out;
  for (const auto& member : wanted) {
    const auto* const before = written.if_contains(member.key());
    if (before == nullptr || *before != member.value()) out.emplace_back(member.key());
  }
  return text::enumerate(out, "`", "and");
}

}  // namespace

Checkpoint::Checkpoint(std::filesystem::path path, const JsonObject& header, CheckpointSync sync, const Clock& clock)
    : path_(std::move(path)), sync_(sync), clock_(clock), synced_(clock.now()) {
  std::error_code code;
  const auto status = std::filesystem::status(path_, code);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error(Errc::io_error, std::format("the checkpoint `{}` is not a regular file; name another", path_.string()));
  }
  open();
  try {
    if (std::filesystem::file_size(path_) > 0) read(header);
    if (::ftruncate(file_, static_cast<off_t>(size_)) != 0 || ::lseek(file_, 0, SEEK_END) < 0)
      fail("write", path_, errno);
    if (size_ == 0) write(to_text(header) + "\n");
  } catch (...) {
    ::close(file_);
    throw;
  }
}

/// Opens the file, which is this process's alone until it is closed.
void Checkpoint::open() {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail("write", path_, errno);
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(std::exchange(file_, -1));
  throw Error(Errc::config_error,
              std::format("the checkpoint `{}` is in use by another evaluation; wait for it, or name "
                          "another file",
                          path_.string()));
}

Checkpoint::~Checkpoint() {
  if (file_ < 0) return;
  if (!is_synced_ && sync_ != CheckpointSync::never) ::fdatasync(file_);
  ::close(file_);
}

void Checkpoint::read(const JsonObject& header) {
  const auto text = read_file(path_, longest);
  std::string good;
  std::size_t bad = 0;
  bool has_header = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;  // it was cut off while it was written
    const auto line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    auto json = parse_json(line);
    if (!json || !json->is_object()) {
      ++bad;
      continue;
    }
    auto& object = json->get_object();
    if (!has_header) {
      has_header = true;
      if (!object.contains("dspy_evaluation")) {
        throw Error(Errc::config_error,
                    std::format("`{}` is not a checkpoint of an evaluation; name another file for it", path_.string()));
      }
      if (object != header) {
        throw Error(Errc::config_error, std::format("the checkpoint `{}` belongs to another evaluation (different: "
                                                    "{}); name another file, or remove this one to start over",
                                                    path_.string(), differences(object, header)));
      }
    } else if (const auto* const index = object.if_contains("index"); index == nullptr || !index->is_int64()) {
      ++bad;
      continue;
    } else {
      rows_.push_back(std::move(object));
    }
    good.append(line).append("\n");
  }
  if (bad > 0) {
    const auto kept = free_name(path_);
    std::filesystem::rename(path_, kept);
    log(LogLevel::warning, "evaluate",
        std::format(
            "{} lines of the checkpoint `{}` cannot be read; it was saved as `{}`, and its {} intact rows are used",
            bad, path_.string(), kept.string(), rows_.size()));
    if (!has_header) {
      good.clear();
      rows_.clear();
    }
    replace_file(path_, good);
    ::close(std::exchange(file_, -1));  // it was renamed
    open();
  }
  size_ = good.size();
}

void Checkpoint::write(std::string_view bytes) {
  const auto whole = size_ + bytes.size();
  while (!bytes.empty()) {
    const auto count = ::write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int code = errno;
      if (::ftruncate(file_, static_cast<off_t>(size_)) == 0) ::lseek(file_, 0, SEEK_END);
      fail("write", path_, code);
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  size_ = whole;
  is_synced_ = false;
}

void Checkpoint::add(const JsonObject& row) {
  write(to_text(row) + "\n");
  if (sync_ == CheckpointSync::each_row ||
      (sync_ == CheckpointSync::interval && clock_.now() - synced_ >= sync_interval))
    sync();
}

void Checkpoint::sync() {
  if (is_synced_ || sync_ == CheckpointSync::never) return;
  if (::fdatasync(file_) != 0) fail("write", path_, errno);
  is_synced_ = true;
  synced_ = clock_.now();
}

}  // namespace dspy
