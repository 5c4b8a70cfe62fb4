#pragma once

#include "dspy/agents/agent_event.hpp"
#include "dspy/base/async.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// How a journal is written.
struct JournalOptions {
  /// Each event is flushed to disk before it takes effect, so a power failure loses nothing either.  Without this, the
  /// system still keeps what a killed process has written.  Runs wait for the disk without blocking each other, and
  /// those that wait at the same time share its commits.
  bool is_durable = false;
};

/// The events of a run as a journal has them.
struct JournalContent {
  std::vector<AgentEvent> events = {};
  std::size_t whole_bytes = 0;  ///< Up to the end of the last whole line.
  bool has_torn_tail = false;   ///< There was an incomplete line after it, as a killed process leaves it.
};

/// Reads a journal: lines of JSON with checksums (docs/formats/agent_journal.md).  What is torn at the end was never
/// there.  Throws `Error` (`io_error`) for a file that cannot be read, (`config_error`) for one that is not a journal,
/// is of a newer version, or is damaged before its end.
JournalContent read_journal(const std::filesystem::path& path);
JournalContent parse_journal(std::string_view text, std::string_view name);

/// Writes the events of one run, each before it takes effect.  Thread-safe.  A second process that opens the same file
/// is refused.
class AgentJournal {
 public:
  /// Begins a new file.  Throws `Error` (`config_error`) if there is one with a run in it, (`io_error`).
  static std::unique_ptr<AgentJournal> begin(const std::filesystem::path& path, JournalOptions options = {});
  /// Continues a file, and removes an incomplete line at its end.  `content` is what it holds.
  static std::unique_ptr<AgentJournal> go_on(const std::filesystem::path& path, JournalContent& content,
                                             JournalOptions options = {});
  ~AgentJournal();
  AgentJournal(const AgentJournal&) = delete;
  AgentJournal& operator=(const AgentJournal&) = delete;

  /// Keeps the event for the next `flush`.
  void add(const AgentEvent& event);
  /// Writes what was added, and waits for the disk if it is durable.  Throws `Error` (`io_error`); then nothing more
  /// can be written.
  void flush();
  /// `flush` in two steps, for coroutines: writes, and returns true if `reach_disk` must be awaited before what was
  /// added takes effect.
  bool write();
  Async<void> reach_disk();

 private:
  struct State;

  explicit AgentJournal(std::shared_ptr<State> state) noexcept;

  std::shared_ptr<State> state_;
};

/// A journal like `from` up to before its turn `turn` (from 0), to continue from there with changes.  Throws like
/// `read_journal` and `begin`, and `Error` (`invalid_parameter`) if there is no such turn.
void step_back(const std::filesystem::path& from, const std::filesystem::path& to, std::size_t turn);

}  // namespace dspy
