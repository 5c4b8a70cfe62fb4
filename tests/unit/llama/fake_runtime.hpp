#pragma once

#include "dspy/base/error.hpp"
#include "llama/runtime.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
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

  // What tests set.
  Shared<std::string> answer{"Hello!"};
  std::vector<llama::RuntimeDevice> device_list = {
      {.name = "CPU", .description = "a processor", .backend = "CPU", .kind = llama::DeviceKind::cpu}};
  std::function<void()> on_load;                   ///< May throw.
  std::function<llama::DecodeStatus()> on_decode;  ///< May throw; anything but `ok` is returned.
  Shared<std::chrono::microseconds> step_time{std::chrono::microseconds(0)};
  bool forgets_parts = true;
  std::vector<Token> suppressed;
  std::optional<float> all_logits;  ///< Every score, to break the sampler.

  // What they look at.
  std::atomic<int> loads = 0;
  std::atomic<int> contexts = 0;
  std::atomic<int> live_models = 0;
  std::atomic<int> decodes = 0;
  std::atomic<int> largest_batch = 0;
  std::atomic<int> threads = 0;

  std::string version() const override { return "0.0.fake"; }
  std::vector<llama::RuntimeDevice> devices() override { return device_list; }

  std::unique_ptr<llama::RuntimeModel> load_model(const llama::RuntimeLoadOptions& options) override {
    ++loads;
    if (options.progress) {
      for (const float done : {0.0F, 0.5F, 1.0F}) {
        if (!options.progress(done)) throw Error(Errc::cancelled, "loading was cancelled");
      }
    }
    if (on_load) on_load();
    return std::make_unique<Model>(*this);
  }

 private:
  class Context final : public llama::RuntimeContext {
   public:
    Context(FakeRuntime& runtime, const llama::RuntimeContextOptions& options) : runtime_(runtime), options_(options) {
      ++runtime_.contexts;
      runtime_.threads = options.threads;
    }

    int context_length() const override { return options_.context_length; }
    int batch() const override { return options_.batch; }

    llama::DecodeStatus decode(std::span<const llama::BatchEntry> batch) override {
      ++runtime_.decodes;
      runtime_.largest_batch = std::max(runtime_.largest_batch.load(), static_cast<int>(batch.size()));
      if (batch.empty() || batch.size() > static_cast<std::size_t>(options_.batch))
        throw Error(Errc::invalid_parameter, "a batch of a size that libllama would end the process for");
      if (runtime_.on_decode) {
        if (const auto status = runtime_.on_decode(); status != llama::DecodeStatus::ok) return status;
      }
      const auto until = std::chrono::steady_clock::now() + runtime_.step_time.get();
      while (std::chrono::steady_clock::now() < until) {
        if (options_.interrupted && options_.interrupted(options_.interrupted_data)) {
          memory_.push_back(batch.front().token);
          return llama::DecodeStatus::interrupted;
        }
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      for (const auto& entry : batch) {
        if (entry.position != static_cast<int>(memory_.size()))
          throw Error(Errc::backend_error, "positions do not continue the sequence");
        if (memory_.size() >= static_cast<std::size_t>(options_.context_length)) return llama::DecodeStatus::no_room;
        memory_.push_back(entry.token);
      }
      outputs_.assign(batch.size(), false);
      for (std::size_t i = 0; i < batch.size(); ++i) outputs_[i] = batch[i].output;
      return llama::DecodeStatus::ok;
    }

    std::span<float> logits(int index) override {
      if (!outputs_.at(static_cast<std::size_t>(index))) throw Error(Errc::backend_error, "no logits there");
      logits_.assign(vocabulary, runtime_.all_logits.value_or(-5));
      if (!runtime_.all_logits) logits_[static_cast<std::size_t>(next())] = 5;
      return logits_;
    }

    bool remove(int, int from, int) override {
      if (!runtime_.forgets_parts) return false;
      memory_.resize(std::min(memory_.size(), static_cast<std::size_t>(from)));
      return true;
    }
    void copy(int, int, int, int) override {}
    void clear() override { memory_.clear(); }
    void set_threads(int count) override { runtime_.threads = count; }

   private:
    /// After the last `<|im_start|>assistant\n`, the byte of the answer that is due.
    Token next() const {
      const auto start = std::ranges::find(memory_.rbegin(), memory_.rend(), im_start).base() - memory_.begin();
      const auto written = memory_.size() - static_cast<std::size_t>(start) - std::string_view("assistant\n").size();
      const auto text = runtime_.answer.get();
      return written < text.size() ? static_cast<unsigned char>(text[written]) : im_end;
    }

    FakeRuntime& runtime_;
    llama::RuntimeContextOptions options_;
    std::vector<Token> memory_;
    std::vector<bool> outputs_;
    std::vector<float> logits_;
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
      return std::make_unique<Context>(runtime_, options);
    }

   private:
    FakeRuntime& runtime_;
    llama::RuntimeModelFacts facts_;
  };
};

}  // namespace dspy::test
