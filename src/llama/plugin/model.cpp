#include "model.hpp"

#include "adapter.hpp"
#include "graph/graph_kernels.hpp"
#include "graph/kernel_timings.hpp"
#include "guard.hpp"
#include "senses.hpp"

#include <llama.h>

#include <climits>
#include <exception>
#include <thread>

namespace dspy::llama::plugin {
namespace {

struct FreeModel {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
using ModelHandle = std::unique_ptr<llama_model, FreeModel>;

/// Calls a function that fills a buffer and returns the length it would need.
template <class F>
std::string sized_text(F&& fill) {
  std::string text(255, '\0');
  int length = fill(text.data(), text.size() + 1);
  if (length < 0) return {};
  if (static_cast<std::size_t>(length) > text.size()) {
    text.resize(static_cast<std::size_t>(length));
    length = fill(text.data(), text.size() + 1);
  }
  text.resize(static_cast<std::size_t>(length));
  return text;
}

class LibllamaModel final : public RuntimeModel {
 public:
  LibllamaModel(ModelHandle model, std::shared_ptr<const Products> products)
      : model_(std::move(model)), vocab_(llama_model_get_vocab(model_.get())), products_(std::move(products)) {
    read_facts();
  }

  const RuntimeModelFacts& facts() const override { return facts_; }

  std::vector<Token> tokenize(std::string_view text, bool special) const override {
    return tokenize(text, special, /*framed=*/false);
  }
  std::vector<Token> tokenize_whole(std::string_view text) const override {
    return tokenize(text, /*special=*/false, /*framed=*/true);
  }

  std::string piece(Token token) const override {
    check(token);
    return guarded(Errc::tokenization_failed, "a token could not be turned into text", [&] {
      std::string text(15, '\0');
      int length = write_piece(token, text);
      if (length < 0) {
        text.resize(static_cast<std::size_t>(-length));
        length = write_piece(token, text);
      }
      text.resize(static_cast<std::size_t>(length < 0 ? 0 : length));
      return text;
    });
  }

  std::string token_text(Token token) const override {
    check(token);
    const char* text = llama_vocab_get_text(vocab_, token);
    return text ? text : "";
  }

  TokenFacts token_facts(Token token) const override {
    check(token);
    const auto attributes = static_cast<unsigned>(llama_vocab_get_attr(vocab_, token));
    return {.control = llama_vocab_is_control(vocab_, token),
            .ends_generation = llama_vocab_is_eog(vocab_, token),
            .strips_left = (attributes & LLAMA_TOKEN_ATTR_LSTRIP) != 0,
            .strips_right = (attributes & LLAMA_TOKEN_ATTR_RSTRIP) != 0};
  }

  std::unique_ptr<RuntimeContext> new_context(const RuntimeContextOptions& options) override {
    return make_context(model_.get(), options, products_);
  }

  std::unique_ptr<RuntimeLora> load_adapter(const std::string& path) override {
    return plugin::load_adapter(model_.get(), path);
  }

  std::unique_ptr<RuntimeSenses> load_senses(const RuntimeSensesOptions& options) override {
    return plugin::load_senses(model_.get(), options);
  }

 private:
  void check(Token token) const {
    if (token < 0 || token >= facts_.vocabulary)
      fail(Errc::tokenization_failed,
           "there is no token " + std::to_string(token) + "; the vocabulary has " + std::to_string(facts_.vocabulary));
  }

  std::vector<Token> tokenize(std::string_view text, bool special, bool framed) const {
    if (text.size() > INT_MAX / 2) fail(Errc::tokenization_failed, "a text of more than 1 GiB cannot be tokenized");
    return guarded(Errc::tokenization_failed, "the text could not be tokenized", [&] {
      const auto length = static_cast<int>(text.size());
      std::vector<Token> tokens(text.size() / 3 + 16);
      const auto read = [&] {
        return llama_tokenize(vocab_, text.data(), length, tokens.data(), static_cast<int>(tokens.size()), framed,
                              special);
      };
      int count = read();
      if (count < 0 && count != INT_MIN) {
        tokens.resize(static_cast<std::size_t>(-count));
        count = read();
      }
      if (count < 0) fail(Errc::tokenization_failed, "the text has too many tokens to count");
      tokens.resize(static_cast<std::size_t>(count));
      return tokens;
    });
  }

  int write_piece(Token token, std::string& text) const {
    return llama_token_to_piece(vocab_, token, text.data(), static_cast<int>(text.size()), /*lstrip=*/0,
                                /*special=*/false);
  }

  void read_facts() {
    auto* const model = model_.get();
    facts_.library = std::string("libllama ") + llama_version();
    facts_.description = sized_text([&](char* to, std::size_t size) { return llama_model_desc(model, to, size); });
    facts_.parameters = llama_model_n_params(model);
    facts_.bytes = llama_model_size(model);
    facts_.context_length = llama_model_n_ctx_train(model);
    facts_.layers = llama_model_n_layer(model);
    facts_.vocabulary = llama_vocab_n_tokens(vocab_);
    facts_.bos = llama_vocab_bos(vocab_);
    facts_.eos = llama_vocab_eos(vocab_);
    facts_.sep = llama_vocab_sep(vocab_);
    facts_.adds_bos = llama_vocab_get_add_bos(vocab_);
    facts_.adds_eos = llama_vocab_get_add_eos(vocab_);
    facts_.adds_sep = llama_vocab_get_add_sep(vocab_);
    facts_.has_decoder = llama_model_has_decoder(model) && metadata(architecture() + ".attention.causal") != "false";
    facts_.has_encoder = llama_model_has_encoder(model);
    facts_.memory_has_parts = !llama_model_is_recurrent(model) && !llama_model_is_hybrid(model);
    if (const char* text = llama_model_chat_template(model, nullptr)) facts_.chat_template = text;
    if (const char* text = llama_model_chat_template(model, "rerank")) facts_.rerank_template = text;
    read_pooling();
    int suppressed = 0;
    if (const auto* tokens = llama_vocab_get_suppress_tokens(vocab_, &suppressed))
      facts_.suppressed.assign(tokens, tokens + suppressed);
    for (int i = 0; i < llama_model_meta_count(model); ++i) {
      facts_.metadata.emplace_back(
          sized_text([&](char* to, std::size_t size) { return llama_model_meta_key_by_index(model, i, to, size); }),
          sized_text(
              [&](char* to, std::size_t size) { return llama_model_meta_val_str_by_index(model, i, to, size); }));
    }
    facts_.adds_space_prefix = adds_space_prefix();
  }

  std::string metadata(const std::string& key) const {
    return sized_text(
        [&](char* to, std::size_t size) { return llama_model_meta_val_str(model_.get(), key.c_str(), to, size); });
  }
  std::string architecture() const { return metadata("general.architecture"); }

  void read_pooling() {
    auto* const model = model_.get();
    facts_.input_length = llama_model_n_embd_inp(model);
    facts_.embedding_length = llama_model_n_embd_out(model);
    const auto pooling = metadata(architecture() + ".pooling_type");
    if (pooling == "1") facts_.pooling = Pooling::mean;
    if (pooling == "2") facts_.pooling = Pooling::cls;
    if (pooling == "3") facts_.pooling = Pooling::last;
    if (pooling == "4") facts_.pooling = Pooling::rank;
    for (std::uint32_t i = 0; facts_.pooling == Pooling::rank && i < llama_model_n_cls_out(model); ++i) {
      const char* label = llama_model_cls_label(model, i);
      facts_.rank_outputs.emplace_back(label ? label : "");
    }
  }

  /// Asked of the tokenizer itself, since the flag has other defaults in every family.
  bool adds_space_prefix() const {
    if (llama_vocab_type(vocab_) != LLAMA_VOCAB_TYPE_SPM && llama_vocab_type(vocab_) != LLAMA_VOCAB_TYPE_UGM)
      return false;
    const auto tokens = tokenize("a", false);
    return !tokens.empty() && piece(tokens.front()).starts_with(' ');
  }

  ModelHandle model_;
  const llama_vocab* vocab_;
  std::shared_ptr<const Products> products_;
  RuntimeModelFacts facts_;
};

llama_load_mode mode_of(LoadMode mode) {
  switch (mode) {
    case LoadMode::read: return LLAMA_LOAD_MODE_NONE;
    case LoadMode::map: return LLAMA_LOAD_MODE_MMAP;
    case LoadMode::automatic: break;
  }
  return LLAMA_LOAD_MODE_AUTO;
}

struct Progress {
  const std::function<bool(float)>& report;
  bool given_up = false;
};

std::unique_ptr<RuntimeModel> load_here(const RuntimeLoadOptions& options) {
  Progress progress{options.progress};
  std::string errors;
  const bool ours = options.kernels == Kernels::automatic && options.devices.empty() && only_processors();
  const auto products = guarded(Errc::model_load_error, "the kernels could not be measured",
                                [&] { return ours ? Products::of(options.path, kernel_timings()) : nullptr; });
  auto model = guarded(Errc::model_load_error, "the model could not be loaded", errors, [&] {
    auto parameters = llama_model_default_params();
    // A null-terminated list; an empty one keeps a model on the CPU even where there is a GPU.
    std::vector<ggml_backend_dev_t> devices;
    devices.reserve(options.devices.size() + 1);
    for (const auto index : options.devices) devices.push_back(ggml_backend_dev_get(index));
    devices.push_back(nullptr);
    parameters.devices = devices.data();
    parameters.use_extra_bufts = !products || products->repacks();
    parameters.n_gpu_layers = options.devices.empty() ? 0 : options.gpu_layers;
    parameters.load_mode = mode_of(options.mode);
    if (options.progress) {
      parameters.progress_callback_user_data = &progress;
      parameters.progress_callback = [](float done, void* data) {
        auto& state = *static_cast<Progress*>(data);
        if (!state.report(done)) state.given_up = true;
        return !state.given_up;
      };
    }
    return ModelHandle(llama_model_load_from_file(options.path.c_str(), parameters));
  });
  if (progress.given_up) fail(Errc::cancelled, "loading was cancelled");
  if (!model) fail(Errc::model_load_error, errors.empty() ? "the inference library gave no reason" : errors);
  return guarded(Errc::model_load_error, "the model's vocabulary could not be read",
                 [&] { return std::make_unique<LibllamaModel>(std::move(model), products); });
}

}  // namespace

/// On a thread of its own.  Weights that the library repacks while loading (for AMX) give the loading thread a team of
/// OpenMP threads, which lasts as long as the thread does.  With the engine's team beside it, libgomp counts more
/// threads than processors and has waiting threads sleep at once: a token of a 0.5B model then took 37 ms instead
/// of 27.
std::unique_ptr<RuntimeModel> load(const RuntimeLoadOptions& options) {
  std::unique_ptr<RuntimeModel> model;
  std::exception_ptr error;
  std::thread([&] {
    try {
      model = load_here(options);
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
  return model;
}

}  // namespace dspy::llama::plugin
