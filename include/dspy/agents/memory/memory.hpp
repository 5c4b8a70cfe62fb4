#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/clock.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/modules/predict.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// An agent's memory.  Each object belongs to one conversation and one thread at a time, and must outlive the calls that
// it returned.  All of these keep a tool's call and its result together: a model that sees one without the other is
// refused by providers, and misled by itself.

namespace dspy {

/// How many tokens a text has.  A model's own tokenizer, where it can be had.
using TokenCounter = std::function<std::size_t(std::string_view text)>;

/// One token for four bytes, rounded up; never below one for a text that is not empty.
std::size_t likely_tokens(std::string_view text);
/// Of a message: its texts, the arguments and results of tools, and four for itself.  Media count as 1,600 each.
std::size_t message_tokens(const Message& message, const TokenCounter& counter);

/// Where messages can be parted: groups of messages that belong together.  A group is one message, or a message with
/// tool calls and the results that follow it.
std::vector<std::span<const Message>> message_groups(std::span<const Message> messages);

struct RecentMemoryOptions {
  std::optional<std::size_t> turns = {};   ///< The last so many; a turn begins with a user's message.
  std::optional<std::size_t> tokens = {};  ///< The newest turns that have no more.
  TokenCounter counter = likely_tokens;
};

/// Remembers the conversation itself: all of it, its last turns, or what fits a number of tokens.  Only whole turns are
/// forgotten; the newest turn stays, however long it is.
class RecentMemory {
 public:
  explicit RecentMemory(RecentMemoryOptions options = {});

  /// Returns what was forgotten for it, oldest first.
  std::vector<Message> add(Message message);
  std::vector<Message> messages() const { return {messages_.begin(), messages_.end()}; }
  std::size_t tokens() const noexcept { return tokens_; }
  void clear();

 private:
  std::vector<Message> evict();

  RecentMemoryOptions options_;
  std::deque<Message> messages_;
  std::deque<std::size_t> sizes_;
  std::size_t tokens_ = 0;
};

struct SummaryMemoryOptions {
  std::size_t turns = 4;  ///< Kept as they are.
  PredictorOptions predictor = {};
};

/// Stores the last turns verbatim, and a model-written summary of earlier ones.
class SummaryMemory {
 public:
  explicit SummaryMemory(SummaryMemoryOptions options = {});

  /// Asks the model where turns have to be summarised.  What it throws leaves the memory with the message, and the
  /// turns for the next time.
  Async<void> add(Message message);
  const std::string& summary() const noexcept { return summary_; }
  /// The summary as a system message, if there is one, and the last turns.
  std::vector<Message> messages() const;
  void clear();

 private:
  Predict<> summarise_;
  RecentMemory recent_;
  std::vector<Message> waiting_;
  std::string summary_;
};

/// Something that was remembered, and how well it suits.
struct Recalled {
  std::string text = {};
  double score = 0;
  std::uint64_t id = 0;
};

struct VectorMemoryOptions {
  std::size_t most = 10'000;                           ///< Texts; beyond them the oldest goes.
  double threshold = 0;                                ///< Texts of a lower score are not recalled.
  std::optional<std::chrono::seconds> half_life = {};  ///< After which a score is half.  Unset: age does not matter.
  const Clock* clock = &Clock::real();
};

/// Where vectors are searched.  `VectorMemory` has one in memory; a store on disk can take its place.
class VectorIndex {
 public:
  struct Hit {
    std::uint64_t id = 0;
    double similarity = 0;  ///< Cosine.
  };

  virtual ~VectorIndex() = default;
  virtual void put(std::uint64_t id, std::vector<float> vector) = 0;
  virtual void erase(std::uint64_t id) = 0;
  /// Best first.
  virtual std::vector<Hit> nearest(const std::vector<float>& vector, std::size_t count) const = 0;
};

/// Compares with every vector: exact.
std::shared_ptr<VectorIndex> exact_vector_index();

/// Stores texts and finds them by meaning: similarity to a question, optionally decreasing with age.
class VectorMemory {
 public:
  explicit VectorMemory(std::shared_ptr<Embedder> embedder, VectorMemoryOptions options = {},
                        std::shared_ptr<VectorIndex> index = exact_vector_index());

  Async<std::uint64_t> add(std::string text);
  /// Best first.
  Async<std::vector<Recalled>> recall(std::string question, std::size_t count) const;
  /// False if there is no such text.
  bool forget(std::uint64_t id);
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::string text = {};
    Clock::Time time = {};
  };

  std::shared_ptr<Embedder> embedder_;
  VectorMemoryOptions options_;
  std::shared_ptr<VectorIndex> index_;
  std::deque<Entry> entries_;
  std::uint64_t next_id_ = 1;
};

struct EntityMemoryOptions {
  std::size_t entities = 100;  ///< Beyond them, the one that was not met for longest goes.
  std::size_t facts = 20;      ///< Of an entity; beyond them the oldest goes.
  PredictorOptions predictor = {};
};

/// Stores facts by subject, extracted from texts by a model.
class EntityMemory {
 public:
  explicit EntityMemory(EntityMemoryOptions options = {});

  Async<void> add(std::string text);
  /// What is known, by hand.
  void add_fact(std::string_view entity, std::string fact);
  std::vector<std::string> facts(std::string_view entity) const;
  std::vector<std::string> entities() const;  ///< Last met first.
  /// Facts of the entities that `text` names, `entity: fact` each.
  std::string about(std::string_view text) const;
  bool forget(std::string_view entity);

 private:
  struct Entity {
    std::string name = {};
    std::deque<std::string> facts = {};
  };

  EntityMemoryOptions options_;
  Predict<> find_;
  std::list<Entity> entities_;  ///< Last met first.
};

}  // namespace dspy
