#pragma once

#include "llama/media/senses.hpp"
#include "llama/model/runtime.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace dspy::llama {

/// A context in whose batches pictures and sounds stand among the tokens, as `MediaPiece` numbers them.  Positions are
/// places in the prompt, one for each token and row, as everywhere in the engine; where the library counts a picture's
/// rows in another way (M-RoPE), this translates.
///
/// A piece is computed, shared and forgotten as a whole: no slice of a prompt ends in one.
class MediaContext final : public RuntimeContext {
 public:
  /// `senses` outlives it.
  MediaContext(std::unique_ptr<RuntimeContext> context, const Senses& senses)
      : context_(std::move(context)), senses_(&senses) {}

  int context_length() const override { return context_->context_length(); }
  int batch() const override { return context_->batch(); }
  DecodeStatus decode(std::span<const BatchEntry> batch) override;
  DecodeStatus decode_rows(const RowBatch& batch) override { return context_->decode_rows(batch); }
  std::span<float> logits(int index) override;
  std::span<const float> embedding(int sequence) override { return context_->embedding(sequence); }
  void set_adapters(std::span<const RuntimeLoraUse> adapters) override { context_->set_adapters(adapters); }
  bool remove(int sequence, int from, int to) override;
  void copy(int source, int target, int from, int to) override;
  std::vector<std::byte> save(int sequence) override;
  bool restore(int sequence, std::span<const std::byte> state) override;
  void clear() override;
  void set_threads(int threads) override { context_->set_threads(threads); }

 private:
  /// A piece that takes up fewer positions than it has rows.
  struct Shift {
    int begin = 0;  ///< Its place in the prompt.
    int count = 0;
    int positions = 0;

    bool operator==(const Shift&) const = default;
  };
  /// Of a prompt, those before some place.
  using Shifts = std::vector<Shift>;

  Shifts& shifts(int sequence);
  int position(int sequence, int place);
  DecodeStatus decode_text(std::span<const BatchEntry> batch, std::size_t first, bool is_last);

  std::unique_ptr<RuntimeContext> context_;
  const Senses* senses_;
  std::vector<Shifts> shifts_;  ///< By sequence.
  std::vector<BatchEntry> text_;
  /// Where the scores after an entry of the last batch are: in the context, or here.
  struct Row {
    int index = -1;
    std::vector<float> scores{};
  };
  std::vector<Row> rows_;
  bool passes_ = true;  ///< The last batch was the context's own.
};

}  // namespace dspy::llama
