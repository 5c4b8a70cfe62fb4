#pragma once

#include "dspy/base/error.hpp"
#include "llama/model/runtime.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::test {

/// A value that a test may change while the engine's thread reads it.
template <class T>
class Shared {
 public:
  explicit Shared(T value) : value_(std::move(value)) {}
  Shared& operator=(T value) {
    const std::scoped_lock lock(mutex_);
    value_ = std::move(value);
    return *this;
  }
  T get() const {
    const std::scoped_lock lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

/// An inference library without arithmetic: its model answers every ChatML prompt with `answer`, byte by byte.  It
/// checks what libllama would end the process for, and fails, dawdles or forgets as told.
class FakeRuntime final : public llama::Runtime {
 public:
  using Token = llama::Token;
  static constexpr Token im_start = 256, im_end = 257, endoftext = 258;
  static constexpr int vocabulary = 259;
  static constexpr int input_length = 4;  ///< Values of a row.

  // What tests set.
  Shared<std::string> answer{"Hello!"};
  std::vector<llama::RuntimeDevice> device_list = {
      {.name = "CPU", .description = "a processor", .backend = "CPU", .kind = llama::DeviceKind::cpu}};
  std::function<void()> on_load;  ///< May throw.
  std::function<void(const llama::RuntimeLoadOptions&)> on_load_options;
  std::function<void()> on_context;                                       ///< May throw, or wait.
  std::function<void(const llama::RuntimeQuantizeOptions&)> on_quantize;  ///< May throw.
  std::function<llama::DecodeStatus()> on_decode;                         ///< May throw; anything but `ok` is returned.
  Shared<std::chrono::microseconds> step_time{std::chrono::microseconds(0)};
  std::function<std::string(std::string_view prompt)> answers;  ///< Instead of `answer`; the prompt without its marks.
  bool forgets_parts = true;                                    ///< For models loaded from then on.
  bool restores = true;
  int rows_of_picture = 20;
  bool causal_pictures = true;
  std::optional<llama::Pooling> pooling;  ///< For models loaded from then on.
  std::vector<Token> suppressed;
  std::optional<float> all_logits;  ///< Every score, to break the sampler.

  // What they look at.
  std::atomic<int> loads = 0;
  std::atomic<int> contexts = 0;
  std::atomic<int> live_models = 0;
  std::atomic<int> decodes = 0;
  std::atomic<int> computed = 0;  ///< Tokens.
  std::atomic<int> largest_batch = 0;
  std::atomic<int> most_cells = 0;
  std::atomic<int> threads = 0;
  std::atomic<bool> kv_on_host = false;
  std::atomic<int> adapter_changes = 0;
  std::atomic<int> row_decodes = 0;
  std::atomic<int> encoded = 0;  ///< Pictures and sounds.

  std::string version() const override { return "0.0.fake"; }
  std::vector<llama::RuntimeDevice> devices() override { return device_list; }

  std::unique_ptr<llama::RuntimeModel> load_model(const llama::RuntimeLoadOptions& options) override {
    ++loads;
    if (options.progress) {
      for (const float done : {0.0F, 0.5F, 1.0F}) {
        if (!options.progress(done)) throw Error(Errc::cancelled, "loading was cancelled");
      }
    }
    if (on_load_options) on_load_options(options);
    if (on_load) on_load();
    return std::make_unique<Model>(*this);
  }
  std::vector<std::string> quantizations() override { return {"q8_0", "q4_0"}; }
  void quantize(const llama::RuntimeQuantizeOptions& options) override {
    if (on_quantize) on_quantize(options);
  }

 private:
  /// Keeps computed tokens as libllama's unified cache does: cells that several sequences may share.
  class Context final : public llama::RuntimeContext {
   public:
    Context(FakeRuntime& runtime, const llama::RuntimeContextOptions& options) : runtime_(runtime), options_(options) {
      ++runtime_.contexts;
      runtime_.threads = options.threads;
      runtime_.kv_on_host = options.kv_on_host;
    }

    int context_length() const override { return options_.context_length; }
    int batch() const override { return options_.batch; }

    llama::DecodeStatus decode(std::span<const llama::BatchEntry> batch) override {
      ++runtime_.decodes;
      runtime_.computed += static_cast<int>(batch.size());
      runtime_.largest_batch = std::max(runtime_.largest_batch.load(), static_cast<int>(batch.size()));
      if (batch.empty() || batch.size() > static_cast<std::size_t>(options_.batch))
        throw Error(Errc::invalid_parameter, "a batch of a size that libllama would end the process for");
      if (std::ranges::count_if(batch, &llama::BatchEntry::output) > options_.outputs)
        throw Error(Errc::invalid_parameter, "more outputs than libllama would end the process for");
      if (runtime_.on_decode) {
        if (const auto status = runtime_.on_decode(); status != llama::DecodeStatus::ok) return status;
      }
      const auto until = std::chrono::steady_clock::now() + runtime_.step_time.get();
      while (std::chrono::steady_clock::now() < until) {
        if (options_.interrupted && options_.interrupted(options_.interrupted_data)) {
          add(batch.front());
          return llama::DecodeStatus::interrupted;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      if (cells_.size() + batch.size() > static_cast<std::size_t>(options_.context_length))
        return llama::DecodeStatus::no_room;
      last_.assign(batch.begin(), batch.end());
      for (const auto& entry : batch) add(entry);
      return llama::DecodeStatus::ok;
    }

    /// A row is a token of its own: the first value of its row.
    llama::DecodeStatus decode_rows(const llama::RowBatch& batch) override {
      ++runtime_.row_decodes;
      runtime_.computed += batch.count;
      if (runtime_.on_decode) {
        if (const auto status = runtime_.on_decode(); status != llama::DecodeStatus::ok) return status;
      }
      if (cells_.size() + static_cast<std::size_t>(batch.count) > static_cast<std::size_t>(options_.context_length))
        return llama::DecodeStatus::no_room;
      last_.clear();
      for (int i = 0; i < batch.count; ++i) {
        add({.token = static_cast<Token>(batch.rows[static_cast<std::size_t>(i) * input_length]),
             .position = batch.position + i,
             .sequence = batch.sequence});
      }
      return llama::DecodeStatus::ok;
    }

    std::span<float> logits(int index) override {
      const auto& entry = last_.at(static_cast<std::size_t>(index));
      if (!entry.output) throw Error(Errc::backend_error, "no logits there");
      logits_.assign(vocabulary, runtime_.all_logits.value_or(-5));
      if (!runtime_.all_logits) logits_[static_cast<std::size_t>(next(entry.sequence, entry.position))] = 5;
      return logits_;
    }

    /// Of a text: how often each byte is in it, up to byte 7.
    std::span<const float> embedding(int sequence) override {
      check(sequence);
      if (!options_.pooling) throw Error(Errc::backend_error, "a context for text has no embeddings");
      embedding_.assign(8, 0.5F);
      for (const auto& entry : last_) {
        if (entry.sequence == sequence) ++embedding_[static_cast<std::size_t>(entry.token % 8)];
      }
      return embedding_;
    }
    void set_adapters(std::span<const llama::RuntimeLoraUse> adapters) override {
      ++runtime_.adapter_changes;
      adapters_.clear();
      for (const auto& use : adapters) adapters_ += static_cast<Adapter&>(*use.adapter).path;
    }

    bool remove(int sequence, int from, int to) override {
      check(sequence);
      auto& places = sequences_[sequence];
      const auto begin = places.lower_bound(from);
      const auto end = to < 0 ? places.end() : places.lower_bound(to);
      if (!runtime_.forgets_parts && begin != places.begin() && begin != places.end()) return false;
      for (auto place = begin; place != end; ++place) leave(place->second);
      places.erase(begin, end);
      return true;
    }
    void copy(int source, int target, int from, int to) override {
      check(source);
      check(target);
      auto& places = sequences_[target];
      for (int position = from; position < to; ++position) {
        const int cell = sequences_[source].at(position);
        if (!places.emplace(position, cell).second) throw Error(Errc::backend_error, "two tokens in one place");
        ++cells_.at(cell).owners;
      }
    }
    std::vector<std::byte> save(int sequence) override {
      check(sequence);
      std::vector<int> numbers;
      for (const auto& [position, cell] : sequences_[sequence]) {
        numbers.push_back(position);
        numbers.push_back(cells_.at(cell).token);
      }
      const auto bytes = std::as_bytes(std::span(numbers));
      return {bytes.begin(), bytes.end()};
    }
    bool restore(int sequence, std::span<const std::byte> state) override {
      check(sequence);
      if (!runtime_.restores || !sequences_[sequence].empty()) return false;
      std::vector<int> numbers(state.size() / sizeof(int));
      std::memcpy(numbers.data(), state.data(), state.size());
      if (cells_.size() + numbers.size() / 2 > static_cast<std::size_t>(options_.context_length)) return false;
      for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) place(sequence, numbers[i], numbers[i + 1]);
      return true;
    }
    void clear() override {
      cells_.clear();
      sequences_.clear();
    }
    void set_threads(int count) override { runtime_.threads = count; }

   private:
    struct Cell {
      Token token = 0;
      int owners = 1;
    };

    void check(int sequence) const {
      if (sequence < 0 || sequence >= options_.sequences) throw Error(Errc::backend_error, "no such sequence");
    }
    void add(const llama::BatchEntry& entry) {
      check(entry.sequence);
      const auto& places = sequences_[entry.sequence];
      // Positions 0, 1, … without a gap.
      if (entry.position != static_cast<int>(places.size()) ||
          (!places.empty() && places.rbegin()->first + 1 != entry.position))
        throw Error(Errc::backend_error, "positions do not continue the sequence");
      place(entry.sequence, entry.position, entry.token);
    }
    void place(int sequence, int position, Token token) {
      sequences_[sequence].emplace(position, ++last_cell_);
      cells_.emplace(last_cell_, Cell{.token = token});
      runtime_.most_cells = std::max(runtime_.most_cells.load(), static_cast<int>(cells_.size()));
    }
    void leave(int cell) {
      if (--cells_.at(cell).owners == 0) cells_.erase(cell);
    }

    /// After the last `<|im_start|>assistant\n`, the byte of the answer that is due.
    Token next(int sequence, int last) {
      std::vector<Token> tokens;
      for (const auto& [position, cell] : sequences_[sequence]) {
        if (position <= last) tokens.push_back(cells_.at(cell).token);
      }
      const auto reply = std::ranges::find(tokens.rbegin(), tokens.rend(), im_start).base();
      const auto written = static_cast<std::size_t>(tokens.end() - reply) - std::string_view("assistant\n").size();
      std::string text;
      if (runtime_.answers) {
        std::string prompt;
        std::for_each(tokens.begin(), reply, [&](Token token) { prompt += static_cast<char>(token); });
        text = runtime_.answers(prompt);
      } else {
        text = runtime_.answer.get();
      }
      return written < text.size() ? static_cast<unsigned char>(text[written]) : im_end;
    }

    FakeRuntime& runtime_;
    llama::RuntimeContextOptions options_;
    std::map<int, Cell> cells_;
    std::map<int, std::map<int, int>> sequences_;  ///< Of each, the cells by position.
    int last_cell_ = 0;
    std::vector<llama::BatchEntry> last_;
    std::vector<float> logits_;
    std::vector<float> embedding_;
    std::string adapters_;
  };

  struct Adapter final : llama::RuntimeLora {
    explicit Adapter(std::string file) : path(std::move(file)) {}
    std::string path;
  };

  /// A picture is `(`, rows that hold the sum of the file's bytes, and `)`.
  class Senses final : public llama::RuntimeSenses {
   public:
    explicit Senses(FakeRuntime& runtime) : runtime_(runtime) {}

    bool sees() const override { return true; }
    bool hears() const override { return true; }
    std::vector<llama::SensePiece> encode(std::span<const std::byte> file, bool) override {
      ++runtime_.encoded;
      unsigned sum = 0;
      for (const auto byte : file) sum = (sum * 31 + std::to_integer<unsigned>(byte)) % 10007;
      const int count = runtime_.rows_of_picture;
      std::vector<float> rows(static_cast<std::size_t>(count) * input_length, static_cast<float>(1000 + sum));
      return {{.tokens = {'('}},
              {.rows = std::move(rows), .count = count, .positions = count, .causal = runtime_.causal_pictures},
              {.tokens = {')'}}};
    }

   private:
    FakeRuntime& runtime_;
  };

  class Model final : public llama::RuntimeModel {
   public:
    explicit Model(FakeRuntime& runtime) : runtime_(runtime) {
      ++runtime_.live_models;
      facts_.vocabulary = vocabulary;
      facts_.context_length = 4096;
      facts_.bos = endoftext;
      facts_.eos = im_end;
      facts_.suppressed = runtime.suppressed;
      facts_.memory_has_parts = runtime.forgets_parts;
      facts_.pooling = runtime.pooling;
      facts_.embedding_length = 8;
      facts_.input_length = input_length;
      if (facts_.pooling == llama::Pooling::rank) facts_.rank_outputs = {""};
    }
    ~Model() override { --runtime_.live_models; }

    const llama::RuntimeModelFacts& facts() const override { return facts_; }

    std::vector<Token> tokenize(std::string_view text, bool special) const override {
      std::vector<Token> tokens;
      while (!text.empty()) {
        Token token = static_cast<unsigned char>(text.front());
        std::size_t length = 1;
        for (Token control = im_start; special && control < vocabulary; ++control) {
          if (text.starts_with(token_text(control))) {
            token = control;
            length = token_text(control).size();
          }
        }
        tokens.push_back(token);
        text.remove_prefix(length);
      }
      return tokens;
    }
    std::vector<Token> tokenize_whole(std::string_view text) const override {
      auto tokens = tokenize(text, false);
      tokens.push_back(endoftext);
      return tokens;
    }
    std::string piece(Token token) const override {
      return token < im_start ? std::string(1, static_cast<char>(token)) : std::string();
    }
    std::string token_text(Token token) const override {
      switch (token) {
        case im_start: return "<|im_start|>";
        case im_end: return "<|im_end|>";
        case endoftext: return "<|endoftext|>";
        default: return std::string(1, static_cast<char>(token));
      }
    }
    llama::TokenFacts token_facts(Token token) const override {
      return {.control = token >= im_start, .ends_generation = token == im_end || token == endoftext};
    }
    std::unique_ptr<llama::RuntimeContext> new_context(const llama::RuntimeContextOptions& options) override {
      if (runtime_.on_context) runtime_.on_context();
      return std::make_unique<Context>(runtime_, options);
    }
    std::unique_ptr<llama::RuntimeLora> load_adapter(const std::string& path) override {
      return std::make_unique<Adapter>(path);
    }
    std::unique_ptr<llama::RuntimeSenses> load_senses(const llama::RuntimeSensesOptions&) override {
      return std::make_unique<Senses>(runtime_);
    }

   private:
    FakeRuntime& runtime_;
    llama::RuntimeModelFacts facts_;
  };
};

}  // namespace dspy::test
