#pragma once

#include "dspy/llama/engine.hpp"
#include "llama/engine/mailbox.hpp"
#include "llama/engine/reply/drafter.hpp"
#include "llama/engine/reply/earlier_replies.hpp"
#include "llama/engine/reply/sequence.hpp"
#include "llama/engine/reply/speculation.hpp"
#include "llama/engine/step_padding.hpp"
#include "llama/engine/thread_governor.hpp"
#include "llama/lora/lora_cache.hpp"
#include "llama/media/senses.hpp"
#include "llama/model/runtime.hpp"
#include "llama/prefixes/prefix_store.hpp"
#include "llama/prefixes/prompt_tree.hpp"
#include "llama/prefixes/state_memory.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace dspy::llama {

/// Tokens in a step of a reproducible engine; only whole ones of a prompt are known to others.
inline constexpr int reproducible_step = 64;

/// Sequences that the context of an engine has, and tokens of a step whose scores can be had.
int context_sequences(const EngineOptions& options) noexcept;
int most_outputs(const EngineOptions& options) noexcept;

/// A request on its way.
struct Job {
  using Clock = std::chrono::steady_clock;

  Generation work{};
  mask::CompiledContract held{};  ///< The contract of `work`, if the reply is to be held to it.
  bool streams = false;
  Clock::time_point queued_at{};
  std::shared_ptr<Mailbox> mailbox{};
  std::vector<Token> given{};  ///< What the reply begins with, or what is scored.
  bool scores = false;         ///< Nothing is written: how likely is what is given?
  std::vector<Token> named{};  ///< Scored too: other tokens right after the prompt.
  /// Of replies to one prompt: the scores after it, once one of them has them.
  std::shared_ptr<std::vector<float>> first_scores{};
  LoraSet adapters{};                                  ///< The LoRAs of `work`.
  std::vector<std::shared_ptr<const Medium>> media{};  ///< Whose rows the prompt needs.
  std::size_t group = 0;  ///< Requests with the same adapters; only they share steps and prompts.
  int overtaken = 0;      ///< How many that came later, or matter less, were started before it.
};

/// Everything an engine's thread does: starts requests as there is room, and computes all that run in one batch a step,
/// prompts in slices beside replies.
///
/// Which waiting request is started: the highest priority, then the first come.  Two kinds are passed over: one whose
/// prompt starts like that of another that is just being read (it waits to share the result), and one for which there
/// is no room yet; but none more than `patience` times, which also lifts the priority of those that wait.
///
/// Requests with different LoRA adapters take turns of `turn_steps`.  A reproducible engine runs one request at a time,
/// from empty cells and in steps that begin at multiples of their size, so that all it computes depends on that
/// request's own tokens alone.
class Scheduler {
 public:
  using Clock = Job::Clock;

  /// Starts a request that has been passed over this often before all others.
  static constexpr int patience = 32;
  static constexpr int turn_steps = 16;
  /// Sets of LoRA adapters that are remembered; beyond these, the one not used for longest is forgotten.
  static constexpr std::size_t most_groups = 32;
  /// Tokens in a step that may have scores beside the last one of each request: drafted or scored ones.  Each has as
  /// many as there are words in the vocabulary.
  static constexpr int more_outputs = 32;

  Scheduler(std::shared_ptr<const Model> model, const EngineOptions& options, const std::atomic<bool>& closing);

  void enqueue(Job job);
  bool idle() const noexcept { return running_.empty() && waiting_.empty() && held_back_.empty(); }
  /// One batch.  Throws nothing: what fails is reported to whom it concerns.
  void step() noexcept;
  /// Hands out the ends of requests that the last step brought, once `stats` tell of them.
  void deliver();
  /// Ends everything with `model_not_loaded`.
  void close();

  /// The options in force.
  const EngineOptions& options() const noexcept { return options_; }
  EngineStats stats() const;

  // What callers ask for between steps.

  /// Throws `Error` (`invalid_parameter`) where prompts are not kept in parts.
  PromptTree& tree();
  /// Throws `Error` (`invalid_parameter`) where prompts are not kept.
  void forget_prompts();
  /// The context's state after `prefix`; nothing if it is not known to its end, or there is no room to look.
  std::optional<std::vector<std::byte>> state_of(std::span<const Token> prefix);
  /// Takes in what `state_of` gave.  False if there is no room.
  bool make_known(std::span<const Token> prefix, std::span<const std::byte> state);

  const std::string& model_name() const noexcept { return model_->name(); }
  Error closed() const;

 private:
  static constexpr auto step_size = static_cast<std::size_t>(reproducible_step);
  /// Idle tokens that may stay in the cells beside running requests.  None: attention scans them in every step.
  static constexpr std::size_t idle_beside_work = 0;

  struct Running {
    Job job;
    Sequence sequence;
    int id;
    std::size_t shared;    ///< Its first tokens, which the tree owns.
    std::size_t reserved;  ///< Cells that it holds, or may come to hold, for itself alone.
    Clock::time_point started_at;
    std::optional<Clock::time_point> reply_at{};
    std::size_t checkpoint = 0;  ///< After so many tokens of the prompt its state is kept; 0 if never.
  };
  /// The part of a batch that belongs to one request.
  struct Slice {
    Running* running;
    std::size_t count;
    std::size_t drafted;  ///< Tokens behind these that may come next.
    bool completes;       ///< The last token's scores are wanted.
  };
  enum class Admission { started, follows, no_room };
  /// What is known of a prompt that starts.
  struct Known {
    std::size_t taken = 0;       ///< Its first tokens, which its sequence has now.
    std::size_t owned = 0;       ///< Those of them that belong to the tree.
    std::size_t checkpoint = 0;  ///< As in `Running`.
  };

  /// Requests with the same LoRA adapters, of which one is known by its number.
  struct Group {
    LoraSet adapters{};
    std::uint64_t last_use = 0;
  };

  std::optional<Error> interruption(const Job& job) const;
  void fill_queue();
  void sweep();
  void admit();
  Admission start(Job& job);
  bool follows(const Job& job, std::span<const Token> prompt, std::size_t known);
  std::expected<Known, Admission> take_from_tree(const Job& job, int id, std::span<const Token> prompt,
                                                 std::size_t most);
  std::expected<Known, Admission> take_state(const Job& job, int id, std::span<const Token> prompt);
  bool follows_state(const Job& job, std::span<const Token> prompt, std::size_t known) const;
  std::size_t checkpoint_of(const Job& job, std::span<const Token> prompt, std::size_t known) const;
  std::size_t bring_back(const StateMemory::State& state, int id);
  PromptTree::Offer look_up(const Job& job, int id, std::span<const Token> prompt);
  std::size_t group_of(const LoraSet& adapters);
  void choose_group();
  void apply_adapters();
  void remember(Running& running);
  void empty_cells();
  void require_files() const;
  void give(Running& running, std::size_t count);
  void compose();
  void add(Running& running, std::size_t most);
  void draft(std::span<Running* const> replies, std::size_t most);
  void fill_up();
  /// A sequence that belongs to no request, to work with.
  int spare() const noexcept { return options_.sequences; }
  void add_scored(Running& running, std::size_t most, std::size_t& rows);
  void advance_scored(Running& running, std::size_t count, std::size_t entry);
  std::size_t allowance(std::size_t tokens) const noexcept;
  bool compute();
  void advance();
  void advance(Running& running, std::size_t count);
  void take_back(Running& running);
  void begin_reply(Running& running);
  void begin_at_once(Running& running);
  static void put_text(const Running& running, std::string text);
  void succeed(Running& running);
  void fail(Running& running, Error error);
  void fail_all(const Error& error);
  void end(Running& running, std::uint64_t EngineStats::* outcome, bool keep, std::expected<Generated, Error> result);
  std::size_t free_cells() const;
  RuntimeContext& context();
  void make_context();
  void drop_context() noexcept;
  int threads() const;
  bool poll();

  const std::shared_ptr<const Model> model_;
  EngineOptions options_;
  const std::atomic<bool>& closing_;
  const bool shares_;          ///< Whether prompts are remembered.
  const bool drafts_;          ///< Whether replies are guessed ahead.
  const std::size_t outputs_;  ///< Tokens in a step whose scores can be had.
  ThreadGovernor governor_;
  std::unique_ptr<PrefixStore> store_;
  std::unique_ptr<RuntimeContext> context_;
  std::unique_ptr<PromptTree> tree_;
  std::unique_ptr<StateMemory> states_;  ///< Where there can be no tree.
  std::vector<Group> groups_{Group{}};
  std::uint64_t group_clock_ = 0;
  std::size_t group_ = 0;                   ///< Whose turn it is.
  std::optional<std::size_t> applied_ = 0;  ///< Whose adapters the context has.
  int turn_steps_ = 0;                      ///< How long it has been that group's turn.
  bool suspect_ = false;                    ///< What the context holds may be wrong.
  std::list<Job> waiting_;
  std::list<Job> held_back_;  ///< Those for whom `waiting_` has no place, in their order.
  std::list<Running> running_;
  std::vector<int> free_ids_;
  std::vector<Slice> slices_;
  std::vector<BatchEntry> batch_;
  std::size_t padding_ = 0;  ///< Tokens at its end that nobody asked for.
  std::size_t turn_ = 0;     ///< Whose reply goes on first, where not all fit in a step.
  unsigned polls_ = 0;
  StepPadding step_padding_;
  DraftBudget draft_budget_;
  EarlierReplies earlier_replies_;
  std::unique_ptr<Drafter> drafter_;
  Clock::time_point step_began_{};
  std::vector<std::pair<std::shared_ptr<Mailbox>, std::expected<Generated, Error>>> ended_;
  EngineStats stats_;
  PromptTree::Totals tree_totals_;        ///< Of trees that are gone.
  std::vector<std::vector<Token>> pins_;  ///< While there is no tree.
};

}  // namespace dspy::llama
