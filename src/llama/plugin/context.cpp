#include "adapter.hpp"
#include "context_parameters.hpp"
#include "graph/graph_kernels.hpp"
#include "guard.hpp"
#include "model.hpp"

#include <llama.h>

#include <algorithm>

namespace dspy::llama::plugin {
namespace {

struct FreeContext {
  void operator()(llama_context* context) const { llama_free(context); }
};

class LibllamaContext final : public RuntimeContext {
 public:
  LibllamaContext(std::unique_ptr<GraphKernels> kernels, llama_context* context, llama_model* model,
                  const RuntimeContextOptions& options)
      : kernels_(std::move(kernels)),
        context_(context),
        vocabulary_(llama_vocab_n_tokens(llama_model_get_vocab(model))),
        input_(static_cast<std::size_t>(llama_model_n_embd_inp(model))),
        sequences_(options.sequences),
        outputs_(options.outputs),
        pooled_(options.pooling == Pooling::rank ? static_cast<int>(llama_model_n_cls_out(model))
                : options.pooling                ? llama_model_n_embd_out(model)
                                                 : 0),
        batch_(static_cast<int>(llama_n_batch(context))) {
    const auto room = static_cast<std::size_t>(batch_);
    tokens_.resize(room);
    positions_.resize(room);
    sequence_counts_.assign(room, 1);
    sequence_ids_.resize(room);
    sequence_pointers_.resize(room);
    wants_logits_.resize(room);
    for (std::size_t i = 0; i < room; ++i) sequence_pointers_[i] = &sequence_ids_[i];
  }

  int context_length() const override { return static_cast<int>(llama_n_ctx(context_.get())); }
  int batch() const override { return batch_; }

  DecodeStatus decode(std::span<const BatchEntry> batch) override {
    validate(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      tokens_[i] = batch[i].token;
      positions_[i] = batch[i].position;
      sequence_ids_[i] = batch[i].sequence;
      wants_logits_[i] = batch[i].output ? 1 : 0;
    }
    const int status = guarded(Errc::backend_error, "the inference library failed while computing", [&] {
      const int result = llama_decode(context_.get(), {.n_tokens = static_cast<int>(batch.size()),
                                                       .token = tokens_.data(),
                                                       .embd = nullptr,
                                                       .pos = positions_.data(),
                                                       .n_seq_id = sequence_counts_.data(),
                                                       .seq_id = sequence_pointers_.data(),
                                                       .logits = wants_logits_.data()});
      // Otherwise a GPU is still at work, and its failure would surface in a later call.
      llama_synchronize(context_.get());
      return result;
    });
    last_size_ = status == 0 ? static_cast<int>(batch.size()) : 0;
    return status_of(status);
  }

  DecodeStatus decode_rows(const RowBatch& batch) override {
    last_size_ = 0;
    check_rows(batch);
    const auto step = batch.causal ? batch_ : batch.count;
    if (!batch.causal) llama_set_causal_attn(context_.get(), false);
    auto status = DecodeStatus::ok;
    for (int first = 0; first < batch.count && status == DecodeStatus::ok; first += step) {
      status = decode_rows(batch, first, std::min(step, batch.count - first));
      // What came before is in the context.
      if (first > 0 && (status == DecodeStatus::no_room || status == DecodeStatus::invalid))
        status = DecodeStatus::broken;
    }
    if (!batch.causal) llama_set_causal_attn(context_.get(), true);
    return status;
  }

  std::span<float> logits(int index) override {
    if (index < 0 || index >= last_size_ || !wants_logits_[static_cast<std::size_t>(index)])
      fail(Errc::backend_error, "batch entry " + std::to_string(index) + " has no logits");
    std::string errors;
    auto* const row = guarded(Errc::backend_error, "the logits could not be read", errors,
                              [&] { return llama_get_logits_ith(context_.get(), index); });
    if (!row) fail(Errc::backend_error, "the inference library gave no logits: " + errors);
    return {row, static_cast<std::size_t>(vocabulary_)};
  }

  std::span<const float> embedding(int sequence) override {
    check_sequence(sequence);
    std::string errors;
    const auto* const row = guarded(Errc::backend_error, "the embedding could not be read", errors,
                                    [&] { return llama_get_embeddings_seq(context_.get(), sequence); });
    if (!row || pooled_ == 0) fail(Errc::backend_error, "the inference library gave no embedding: " + errors);
    return {row, static_cast<std::size_t>(pooled_)};
  }

  void set_adapters(std::span<const RuntimeLoraUse> adapters) override {
    std::vector<llama_adapter_lora*> handles;
    std::vector<float> scales;
    for (const auto& [adapter, scale] : adapters) {
      handles.push_back(handle_of(*adapter));
      scales.push_back(scale);
    }
    const int status = guarded(Errc::backend_error, "the LoRA adapters could not be applied", [&] {
      return llama_set_adapters_lora(context_.get(), handles.data(), handles.size(), scales.data());
    });
    if (status != 0) fail(Errc::backend_error, "the inference library refused the LoRA adapters");
  }

  bool remove(int sequence, int from, int to) override {
    check_sequence(sequence);
    return guarded(Errc::backend_error, "the context could not forget tokens", [&] {
      auto* const memory = llama_get_memory(context_.get());
      return !memory || llama_memory_seq_rm(memory, sequence, from, to);
    });
  }

  void copy(int source, int target, int from, int to) override {
    check_sequence(source);
    check_sequence(target);
    guarded(Errc::backend_error, "the context could not share tokens",
            [&] { llama_memory_seq_cp(llama_get_memory(context_.get()), source, target, from, to); });
  }

  std::vector<std::byte> save(int sequence) override {
    check_sequence(sequence);
    return guarded(Errc::backend_error, "the context's tokens could not be saved", [&] {
      std::vector<std::byte> state(llama_state_seq_get_size(context_.get(), sequence));
      state.resize(llama_state_seq_get_data(context_.get(), reinterpret_cast<std::uint8_t*>(state.data()), state.size(),
                                            sequence));
      return state;
    });
  }

  bool restore(int sequence, std::span<const std::byte> state) override {
    check_sequence(sequence);
    std::string errors;  // there being no room is no error
    return guarded(Errc::backend_error, "the context's tokens could not be restored", errors, [&] {
      return llama_state_seq_set_data(context_.get(), reinterpret_cast<const std::uint8_t*>(state.data()), state.size(),
                                      sequence) > 0;
    });
  }

  void clear() override {
    guarded(Errc::backend_error, "the context could not be cleared", [&] {
      // Encoders have no memory.
      if (auto* const memory = llama_get_memory(context_.get())) llama_memory_clear(memory, /*data=*/false);
    });
  }

  void set_threads(int threads) override {
    if (kernels_) kernels_->set_threads(threads);
    llama_set_n_threads(context_.get(), threads, threads);
  }

 private:
  static DecodeStatus status_of(int status) {
    switch (status) {
      case 0: return DecodeStatus::ok;
      case 1: return DecodeStatus::no_room;
      case 2: return DecodeStatus::interrupted;
      case -1: return DecodeStatus::invalid;
      default: return DecodeStatus::broken;
    }
  }

  DecodeStatus decode_rows(const RowBatch& batch, int first, int count) {
    // Dimension by dimension, where there are several.
    const auto size = static_cast<std::size_t>(count);
    const int dimensions = batch.places.empty() ? 1 : 4;
    std::vector<llama_pos> positions(size * static_cast<std::size_t>(dimensions));
    for (int i = 0; i < count; ++i) {
      for (int d = 0; d < dimensions; ++d) {
        const auto at = static_cast<std::size_t>(d) * size + static_cast<std::size_t>(i);
        const auto place = static_cast<std::size_t>(first + i) * 4 + static_cast<std::size_t>(d);
        positions[at] = batch.position + (dimensions == 1 ? first + i : batch.places[place]);
      }
    }
    std::vector<int> counts(size, 1);
    auto sequence = static_cast<llama_seq_id>(batch.sequence);
    std::vector<llama_seq_id*> sequences(size, &sequence);
    std::vector<std::int8_t> outputs(size, 0);
    // The library takes a mutable pointer, but does not write to the rows.
    auto* const rows = const_cast<float*>(batch.rows.data()) + static_cast<std::size_t>(first) * input_;
    return status_of(guarded(Errc::backend_error, "the inference library failed while computing", [&] {
      const int result = llama_decode(context_.get(), {.n_tokens = count,
                                                       .token = nullptr,
                                                       .embd = rows,
                                                       .pos = positions.data(),
                                                       .n_seq_id = counts.data(),
                                                       .seq_id = sequences.data(),
                                                       .logits = outputs.data()});
      llama_synchronize(context_.get());
      return result;
    }));
  }

  void check_rows(const RowBatch& batch) const {
    check_sequence(batch.sequence);
    const auto count = static_cast<std::size_t>(batch.count);
    if (batch.count <= 0 || batch.rows.size() != count * input_ ||
        (!batch.places.empty() && batch.places.size() != 4 * count))
      fail(Errc::invalid_parameter, "rows that do not fit the model");
    const auto most = static_cast<int>(llama_n_ubatch(context_.get()));
    if (!batch.causal && batch.count > most)
      fail(Errc::invalid_parameter, "a picture of " + std::to_string(batch.count) + " tokens, and " +
                                        std::to_string(most) + " are computed at once; raise batch");
  }

  /// Refuses what libllama asserts, which would end the process.
  void validate(std::span<const BatchEntry> batch) const {
    if (batch.empty() || batch.size() > static_cast<std::size_t>(batch_))
      fail(Errc::invalid_parameter,
           "a batch of " + std::to_string(batch.size()) + " tokens; between 1 and " + std::to_string(batch_) + " fit");
    int outputs = 0;
    for (const auto& entry : batch) {
      outputs += entry.output;
      check_sequence(entry.sequence);
      if (entry.token < 0 || entry.token >= vocabulary_)
        fail(Errc::invalid_parameter, "there is no token " + std::to_string(entry.token) + "; the vocabulary has " +
                                          std::to_string(vocabulary_));
    }
    if (outputs > outputs_)
      fail(Errc::invalid_parameter,
           std::to_string(outputs) + " outputs in one batch; the context was made for " + std::to_string(outputs_));
  }

  void check_sequence(int sequence) const {
    if (sequence < 0 || sequence >= sequences_)
      fail(Errc::invalid_parameter,
           "there is no sequence " + std::to_string(sequence) + "; the context has " + std::to_string(sequences_));
  }

  std::unique_ptr<GraphKernels> kernels_;  ///< May be none; outlives the context.
  std::unique_ptr<llama_context, FreeContext> context_;
  int vocabulary_;
  std::size_t input_;  ///< Floats of a row.
  int sequences_;
  int outputs_;
  int pooled_;  ///< Floats of an embedding.
  int batch_;
  int last_size_ = 0;
  std::vector<llama_token> tokens_;
  std::vector<llama_pos> positions_;
  std::vector<int> sequence_counts_;
  std::vector<llama_seq_id> sequence_ids_;
  std::vector<llama_seq_id*> sequence_pointers_;
  std::vector<std::int8_t> wants_logits_;
};

}  // namespace

std::unique_ptr<RuntimeContext> make_context(llama_model* model, const RuntimeContextOptions& options,
                                             std::shared_ptr<const Products> products) {
  std::string errors;
  std::unique_ptr<GraphKernels> own;
  auto* const context = guarded(Errc::backend_error, "no context could be made", errors, [&] {
    auto parameters = parameters_of(options);
    if (products) {
      own = std::make_unique<GraphKernels>(options.threads, std::move(products));
      own->install(parameters);
    }
    return llama_init_from_model(model, parameters);
  });
  if (!context) {
    fail(Errc::backend_error, "no context of " + std::to_string(options.context_length) +
                                  " tokens could be made; ask for a smaller context_length" +
                                  (errors.empty() ? "" : " (" + errors + ")"));
  }
  return std::make_unique<LibllamaContext>(std::move(own), context, model, options);
}

}  // namespace dspy::llama::plugin
