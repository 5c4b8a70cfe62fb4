#include "bulk/part_folder.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::bulk {
namespace {

constexpr std::uintmax_t longest_part = std::uintmax_t{16} << 30;
constexpr auto sync_interval = std::chrono::seconds(1);
constexpr std::string_view before_at = "{\"at\":", before_sum = ",\"sum\":\"", before_state = "\",\"state\":\"",
                           after_state = "\",";
constexpr const char* open_name = "open.jsonl";

[[noreturn]] void fail(std::string_view verb, const std::filesystem::path& path, int code) {
  throw Error(Errc::io_error, std::format("cannot {} `{}`: {}; check the folder, its permissions and the free space",
                                          verb, path.string(), std::generic_category().message(code)));
}

std::string_view name_of(RowState state) noexcept {
  switch (state) {
    case RowState::done: return "done";
    case RowState::failed: return "failed";
    case RowState::again: return "again";
  }
  return {};
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

template <class T>
bool take_number(std::string_view& text, T& out, int base) {
  const auto* const begin = text.data();
  const auto [end, error] = std::from_chars(begin, begin + text.size(), out, base);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - begin));
  return true;
}

std::string part_name(std::size_t number) {
  return std::format("part-{:06}.jsonl", number);
}

/// Which part a file is; nothing if it is none.
std::optional<std::size_t> part_number(const std::filesystem::path& file) {
  const auto name = file.filename().string();
  std::string_view text = name;
  std::size_t out = 0;
  if (!take(text, "part-") || !take_number(text, out, 10) || name != part_name(out)) return std::nullopt;
  return out;
}

/// So that a name that was given is there after a power cut.
void sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

}  // namespace

void append_row(std::string& out, const RowHead& head, std::string_view rest) {
  std::format_to(std::back_inserter(out), R"({{"at":{},"sum":"{:016x}","state":"{}",{}}})", head.at, head.sum,
                 name_of(head.state), rest);
  out += '\n';
}

std::optional<RowHead> row_head(std::string_view line, std::string_view* rest) {
  RowHead out;
  const bool is_head = take(line, before_at) && take_number(line, out.at, 10) && take(line, before_sum) &&
                       take_number(line, out.sum, 16) && take(line, before_state);
  if (!is_head || !line.ends_with('}')) return std::nullopt;
  for (const auto state : {RowState::done, RowState::failed, RowState::again}) {
    if (!take(line, name_of(state))) continue;
    out.state = state;
    if (!take(line, after_state)) return std::nullopt;
    if (rest != nullptr) *rest = line;
    return out;
  }
  return std::nullopt;
}

std::filesystem::path shard_folder(const std::filesystem::path& run, std::size_t index) {
  return run / std::format("shard-{:05}", index);
}

std::vector<std::filesystem::path> part_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code code;
  std::vector<std::size_t> numbers;  // with a gap where a file was lost
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    if (const auto number = part_number(entry.path())) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  for (const auto number : numbers) out.push_back(folder / part_name(number));
  if (std::filesystem::exists(folder / open_name, code)) out.push_back(folder / open_name);
  return out;
}

void each_line(const std::filesystem::path& part, const std::function<void(std::string_view line)>& visit) {
  const auto text = read_file(part, longest_part);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) return;  // it was cut off while it was written
    visit(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
}

PartFolder::PartFolder(std::filesystem::path folder, std::size_t part_rows, const Clock& clock)
    : folder_(std::move(folder)), part_rows_(part_rows), clock_(clock), synced_(clock.now()) {
  std::error_code code;
  std::filesystem::create_directories(folder_, code);
  if (code) fail("make the folder", folder_, code.value());
  lock();
  try {
    read();
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

PartFolder::~PartFolder() {
  if (file_ >= 0) {
    ::fdatasync(file_);
    ::close(file_);
  }
  ::close(lock_);
}

void PartFolder::lock() {
  const auto path = folder_ / "lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) fail("write", path, errno);
  std::array<char, 256> text = {};
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const auto size = ::pread(lock_, text.data(), text.size() - 1, 0);
    const auto who =
        size > 0 ? std::format(" ({})", std::string_view(text.data(), static_cast<std::size_t>(size))) : std::string();
    ::close(lock_);
    throw Error(Errc::config_error,
                std::format("`{}` is being written by another process{}; wait for it, or choose another shard",
                            folder_.string(), who));
  }
  if (::gethostname(text.data(), text.size() - 1) != 0) text[0] = '\0';
  const auto who = std::format("process {} on {}", ::getpid(), text.data());
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, who.data(), who.size(), 0) < 0) fail("write", path, errno);
}

void PartFolder::read() {
  const auto take_row = [&](const std::filesystem::path& part, std::string_view line) {
    const auto head = row_head(line);
    if (!head)
      throw Error(
          Errc::io_error,
          std::format(
              "`{}` is damaged: row {} cannot be read; restore it, or move it away so that its rows are run again",
              part.string(), rows_.size() + 1));
    rows_.push_back(*head);
  };
  for (const auto& part : part_files(folder_)) {
    if (part.filename() == open_name) {
      read_open_part();
    } else {
      parts_ = *part_number(part) + 1;
      each_line(part, [&](std::string_view line) { take_row(part, line); });
    }
  }
  if (!std::ranges::is_sorted(rows_, {}, &RowHead::at)) std::ranges::stable_sort(rows_, {}, &RowHead::at);
  // Of several rows of one place, the last one counts.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i + 1 < rows_.size() && rows_[i + 1].at == rows_[i].at) continue;
    rows_[kept++] = rows_[i];
  }
  rows_.resize(kept);
}

/// A process that was killed may have left half a line at the end, and a power cut more than that.
void PartFolder::read_open_part() {
  const auto path = folder_ / open_name;
  const auto text = read_file(path, longest_part);
  std::string good;
  std::size_t damaged = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;
    const auto line = std::string_view(text).substr(at, end + 1 - at);
    if (const auto head = row_head(line.substr(0, line.size() - 1))) {
      rows_.push_back(*head);
      ++open_rows_;
      good += line;
    } else {
      ++damaged;
    }
    at = end + 1;
  }
  if (damaged != 0)
    log(LogLevel::warning, "bulk",
        std::format("{} lines of `{}` cannot be read, perhaps after a power failure; their rows will be run again",
                    damaged, path.string()));
  open_bytes_ = good.size();
  if (damaged != 0) {
    replace_file(path, good);
  } else if (good.size() != text.size() && ::truncate(path.c_str(), static_cast<off_t>(good.size())) != 0) {
    fail("write", path, errno);
  }
}

void PartFolder::open_part() {
  const auto path = folder_ / open_name;
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) fail("write", path, errno);
}

void PartFolder::add(std::string_view line) {
  if (file_ < 0) open_part();
  for (auto left = line; !left.empty();) {
    const auto count = ::write(file_, left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int code = errno;
      if (::ftruncate(file_, static_cast<off_t>(open_bytes_)) != 0) fail("shorten", folder_ / open_name, errno);
      fail("write", folder_ / open_name, code);
    }
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  open_bytes_ += line.size();
  ++open_rows_;
  if (open_rows_ >= part_rows_) {
    seal();
  } else if (clock_.now() - synced_ >= sync_interval) {
    sync();
  }
}

void PartFolder::sync() {
  if (::fdatasync(file_) != 0) fail("write", folder_ / open_name, errno);
  synced_ = clock_.now();
}

void PartFolder::seal() {
  if (open_rows_ == 0) return;
  if (file_ < 0) open_part();
  sync();
  ::close(std::exchange(file_, -1));
  const auto part = folder_ / part_name(parts_);
  if (::rename((folder_ / open_name).c_str(), part.c_str()) != 0) fail("write", part, errno);
  sync_folder(folder_);
  ++parts_;
  open_rows_ = 0;
  open_bytes_ = 0;
}

}  // namespace dspy::bulk
