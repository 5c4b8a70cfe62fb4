#pragma once

#include "agents/loop/lent_messages.hpp"
#include "agents/trajectory_text.hpp"
#include "dspy/agents/agent_machine.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/message.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// Throws `Error` (`config_error`) if a call needs a person, where the run cannot wait for one.
void require_nobody_waits(const AgentOutcome& outcome);

/// Drives one run of an agent: does what its machine says, and writes down what came.
class AgentLoop {
 public:
  AgentLoop(ReActAgent agent, AgentRunOptions options, FieldSink sink);

  void begin(JsonObject inputs);
  /// Takes up a journal's events.
  void take_up(const JournalContent& content);
  void write_to(std::unique_ptr<AgentJournal> journal) { journal_ = std::move(journal); }

  static Async<AgentOutcome> drive(std::shared_ptr<AgentLoop> self);

 private:
  using Self = std::shared_ptr<AgentLoop>;

  void record(AgentEvent&& event);
  /// Writes what was recorded; true if `journal_->reach_disk()` is to be awaited before it takes effect.
  bool write() { return journal_ && journal_->write(); }
  void end(AgentEnd end, std::string why, const Usage& usage);
  /// What is done about a model's error: true if it is asked again.
  bool recovers(const Error& error, int attempt);
  Run how() const;

  static Async<AgentOutcome> drive_steps(Self self);
  static Async<void> ask(Self self);
  static Async<void> ask_in_text(Self self);
  static Async<void> ask_natively(Self self);
  static Async<Reply> request(Self self, Request request);
  static Async<void> run_calls(Self self);
  static Async<void> run_call(Self self, std::string id);
  static Async<bool> decide(Self self);
  static Async<void> extract(Self self);

  void settle_doubts();
  bool take_submitted();
  Request native_request();
  void accept_natively(Completion completion, const Usage& usage);
  AgentOutcome outcome() const;
  bool is_native() const;

  ReActAgent agent_;
  AgentRunOptions options_;
  FieldSink sink_;
  CallContext context_;
  std::shared_ptr<LM> lm_;
  AgentMachine machine_;
  std::unique_ptr<AgentJournal> journal_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point begun_;
  const Clock* clock_;
  TrajectoryText trajectory_text_;
  LentMessages native_;  ///< The turns that are over, as messages.
  std::size_t native_turns_ = 0, native_from_ = 0;
  std::optional<Message> said_ = {};  ///< The last turn's message, if the model wrote it in this process.
};

}  // namespace dspy
