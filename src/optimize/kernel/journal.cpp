#include "dspy/optimize/kernel/journal.hpp"

#include "base/checked_line.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "optimize/kernel/records/journal_text.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <format>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::optimize {
namespace {

constexpr std::uintmax_t longest = std::uintmax_t{8} << 30;

Error failure(std::string_view verb, const std::filesystem::path& path, std::string_view remedy) {
  return {Errc::io_error, std::format("cannot {} the checkpoint `{}`: {}; {}", verb, path.string(),
                                      std::generic_category().message(errno), remedy)};
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Journal::Journal(const std::filesystem::path& path, const JsonObject& run, bool is_durable)
    : path_(path), is_durable_(is_durable) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) throw failure("open", path, "check the folder and its permissions");
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      throw Error(Errc::config_error, std::format("the checkpoint `{}` is in use by another process; wait for it, or "
                                                  "name another file",
                                                  path.string()));
    }
    const auto text = read_file(path, longest);
    auto found = read_journal(text, run, path.string());
    if (!found.damaged.empty()) quarantine(text, found.good, found.damaged);
    size_ = static_cast<long long>(found.good.size());
    records_ = std::move(found.records);
    if (::ftruncate(file_, size_) != 0) throw failure("mend", path, "check its permissions");
    if (size_ == 0) append(JsonObject{{"kind", "run"}, {"format", 1}, {"run", run}});
  } catch (...) {
    ::close(file_);
    throw;
  }
}

Journal::~Journal() {
  ::close(file_);
}

/// Keeps the file as it was under another name, and goes on with its good lines in this one.
void Journal::quarantine(std::string_view text, std::string_view good, const std::vector<std::size_t>& damaged) {
  auto kept = path_;
  for (int n = 1;; ++n) {
    kept = std::format("{}.damaged-{}", path_.string(), n);
    std::error_code code;
    if (!std::filesystem::exists(kept, code)) break;
  }
  replace_file(kept, text);
  if (::ftruncate(file_, 0) != 0 || !write_all(file_, good))
    throw failure("mend", path_, std::format("the file as it was is `{}`", kept.string()));
  note_ = std::format("{} of the checkpoint `{}` {} damaged: the other lines are used, the original file is `{}`",
                      damaged.size() == 1 ? std::format("line {}", damaged[0])
                                          : std::format("{} lines from line {} on", damaged.size(), damaged[0]),
                      path_.string(), damaged.size() == 1 ? "is" : "are", kept.string());
}

void Journal::append(const JsonObject& record) {
  const auto line = checked_line(record);
  const std::scoped_lock lock(mutex_);
  if (!write_all(file_, line) || (is_durable_ && ::fdatasync(file_) != 0)) {
    auto error = failure("write", path_, "check the free space; what was written before is kept");
    if (::ftruncate(file_, size_) != 0) {
      // The next opening takes off the line that was cut.
    }
    throw error;
  }
  size_ += static_cast<long long>(line.size());
}

}  // namespace dspy::optimize
