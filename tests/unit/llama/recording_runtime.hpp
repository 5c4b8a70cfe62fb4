#pragma once

#include "llama/model/runtime.hpp"

#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy::test {

/// The installed inference library, which writes down the bits of all scores that are read.
class RecordingRuntime final : public llama::Runtime {
 public:
  /// A hash for each row of scores, in the order in which they were read, since the last `take`.
  std::vector<std::uint64_t> take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(rows_, {});
  }

  std::string version() const override { return real().version(); }
  std::vector<llama::RuntimeDevice> devices() override { return real().devices(); }
  std::vector<std::string> quantizations() override { return real().quantizations(); }
  void quantize(const llama::RuntimeQuantizeOptions& options) override { real().quantize(options); }
  std::unique_ptr<llama::RuntimeModel> load_model(const llama::RuntimeLoadOptions& options) override {
    return std::make_unique<Model>(*this, real().load_model(options));
  }

 private:
  static llama::Runtime& real() { return llama::runtime(); }

  class Context final : public llama::RuntimeContext {
   public:
    Context(RecordingRuntime& runtime, std::unique_ptr<llama::RuntimeContext> real)
        : runtime_(runtime), real_(std::move(real)) {}

    int context_length() const override { return real_->context_length(); }
    int batch() const override { return real_->batch(); }
    llama::DecodeStatus decode(std::span<const llama::BatchEntry> batch) override { return real_->decode(batch); }
    llama::DecodeStatus decode_rows(const llama::RowBatch& batch) override { return real_->decode_rows(batch); }
    std::span<float> logits(int index) override {
      const auto row = real_->logits(index);
      std::uint64_t hash = 0xCBF29CE484222325U;
      for (const float value : row) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * 0x100000001B3U;
      }
      const std::scoped_lock lock(runtime_.mutex_);
      runtime_.rows_.push_back(hash);
      return row;
    }
    std::span<const float> embedding(int sequence) override { return real_->embedding(sequence); }
    void set_adapters(std::span<const llama::RuntimeLoraUse> adapters) override { real_->set_adapters(adapters); }
    bool remove(int sequence, int from, int to) override { return real_->remove(sequence, from, to); }
    void copy(int source, int target, int from, int to) override { real_->copy(source, target, from, to); }
    std::vector<std::byte> save(int sequence) override { return real_->save(sequence); }
    bool restore(int sequence, std::span<const std::byte> state) override { return real_->restore(sequence, state); }
    void clear() override { real_->clear(); }
    void set_threads(int threads) override { real_->set_threads(threads); }

   private:
    RecordingRuntime& runtime_;
    std::unique_ptr<llama::RuntimeContext> real_;
  };

  class Model final : public llama::RuntimeModel {
   public:
    Model(RecordingRuntime& runtime, std::unique_ptr<llama::RuntimeModel> real)
        : runtime_(runtime), real_(std::move(real)) {}

    const llama::RuntimeModelFacts& facts() const override { return real_->facts(); }
    std::vector<llama::Token> tokenize(std::string_view text, bool special) const override {
      return real_->tokenize(text, special);
    }
    std::vector<llama::Token> tokenize_whole(std::string_view text) const override {
      return real_->tokenize_whole(text);
    }
    std::string piece(llama::Token token) const override { return real_->piece(token); }
    std::string token_text(llama::Token token) const override { return real_->token_text(token); }
    llama::TokenFacts token_facts(llama::Token token) const override { return real_->token_facts(token); }
    std::unique_ptr<llama::RuntimeContext> new_context(const llama::RuntimeContextOptions& options) override {
      return std::make_unique<Context>(runtime_, real_->new_context(options));
    }
    std::unique_ptr<llama::RuntimeLora> load_adapter(const std::string& path) override {
      return real_->load_adapter(path);
    }
    std::unique_ptr<llama::RuntimeSenses> load_senses(const llama::RuntimeSensesOptions& options) override {
      return real_->load_senses(options);
    }

   private:
    RecordingRuntime& runtime_;
    std::unique_ptr<llama::RuntimeModel> real_;
  };

  std::mutex mutex_;
  std::vector<std::uint64_t> rows_;
};

}  // namespace dspy::test
