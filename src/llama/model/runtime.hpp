#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/llama/context_options.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// All that dspy needs of an inference library.  The plug-in implements it over libllama; tests implement it without
// any library.  Nothing here includes llama.h, and the plug-in links nothing of dspy: what it reports goes through
// `Host`.

namespace dspy::llama {

using Token = std::int32_t;

enum class DeviceKind { cpu, gpu, integrated_gpu, accelerator };

struct RuntimeDevice {
  std::string name{};         ///< Such as `CUDA0`.
  std::string description{};  ///< Such as the name of the card.
  std::string backend{};      ///< Such as `CUDA`, `Vulkan`, `Metal`, `CPU`.
  std::string id{};           ///< PCI address; empty if unknown.
  DeviceKind kind = DeviceKind::cpu;
  std::uint64_t memory_free = 0;
  std::uint64_t memory_total = 0;
  bool software = false;  ///< A driver that computes on the processor, such as llvmpipe: no card.
};

enum class LoadMode { automatic, read, map };

struct RuntimeLoadOptions {
  std::string path{};
  int gpu_layers = 0;                  ///< -1 is all.
  std::vector<std::size_t> devices{};  ///< Indices into `devices()`; empty keeps everything on the CPU.
  LoadMode mode = LoadMode::automatic;
  Kernels kernels = Kernels::automatic;   ///< For weights on the CPU.
  std::function<bool(float)> progress{};  ///< Called with 0…1 on the loading thread; false gives up.
};

struct RuntimeContextOptions {
  int context_length = 512;
  int batch = 256;      ///< Most tokens in one `decode`.
  int micro_batch = 0;  ///< Of these, computed at once; 0 for all.
  int sequences = 1;
  int outputs = 1;  ///< Most entries of one `decode` that want logits.
  int threads = 1;
  KvType kv_type = KvType::f16;
  FlashAttention flash_attention = FlashAttention::automatic;
  bool kv_on_host = false;  ///< Of a model on a card: what is computed of prompts stays in the machine's memory.
  /// For embeddings instead of logits.  A sequence must then be read in one `decode`.
  std::optional<Pooling> pooling{};
  /// Polled while a step computes on the CPU; true ends it with `DecodeStatus::interrupted`.
  bool (*interrupted)(void* data) = nullptr;
  void* interrupted_data = nullptr;
};

struct BatchEntry {
  Token token = 0;
  int position = 0;
  int sequence = 0;
  bool output = false;  ///< Whether its logits will be read.
};

/// What a picture or a sound was encoded to, in place of tokens of one sequence.
struct RowBatch {
  std::span<const float> rows{};  ///< `RuntimeModelFacts::input_length` values for each.
  int count = 0;
  int position = 0;               ///< Of the first.
  std::span<const int> places{};  ///< Where positions have several dimensions: for each row four, from `position` on.
  bool causal = true;             ///< Else each row looks at all others.
  int sequence = 0;
};

enum class DecodeStatus {
  ok,
  no_room,      ///< The context is full; nothing changed.
  interrupted,  ///< Some of the batch may be in the context.
  invalid,      ///< The library refused the batch; nothing changed.
  broken,       ///< The context can no longer be trusted.
};

/// A LoRA adapter, loaded for one model, which must outlive it.
class RuntimeLora {
 public:
  virtual ~RuntimeLora() = default;
};

struct RuntimeLoraUse {
  RuntimeLora* adapter = nullptr;
  float scale = 1;
};

/// One cache of computed tokens.  Used by one thread at a time.
class RuntimeContext {
 public:
  virtual ~RuntimeContext() = default;

  /// What the library really gave, which may differ from what was asked.
  virtual int context_length() const = 0;
  virtual int batch() const = 0;

  /// Throws `Error` (`backend_error`) where the library would have ended the process.
  virtual DecodeStatus decode(std::span<const BatchEntry> batch) = 0;
  /// The same for rows, none of which gets logits.  Of rows that are not causal there may be no more than are computed
  /// at once.
  virtual DecodeStatus decode_rows(const RowBatch& batch) = 0;
  /// The scores after batch entry `index` of the last `decode`; the caller may overwrite them.
  virtual std::span<float> logits(int index) = 0;
  /// What the tokens of a sequence in the last `decode` were pooled to; for a context made with `pooling`.
  virtual std::span<const float> embedding(int sequence) = 0;
  /// What is computed from now on goes through these.
  virtual void set_adapters(std::span<const RuntimeLoraUse> adapters) = 0;

  /// Forgets positions [from, to) of a sequence; `to` < 0 is the end.  False where the model's memory has no parts.
  virtual bool remove(int sequence, int from, int to) = 0;
  /// Shares positions [from, to) of `source` with `target`; nothing is computed or copied.
  virtual void copy(int source, int target, int from, int to) = 0;
  /// What the context holds of a sequence, which may lie anywhere in a prompt.  Empty where the model's memory has no
  /// parts.
  virtual std::vector<std::byte> save(int sequence) = 0;
  /// Puts what `save` gave into an empty sequence.  False if it does not fit.
  virtual bool restore(int sequence, std::span<const std::byte> state) = 0;
  virtual void clear() = 0;
  virtual void set_threads(int threads) = 0;
};

struct RuntimeModelFacts {
  std::string library{};  ///< The inference library and its version.
  std::string description{};
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  int context_length = 0;
  int vocabulary = 0;
  int layers = 0;
  Token bos = -1;
  Token eos = -1;
  Token sep = -1;
  bool adds_bos = false;
  bool adds_eos = false;
  bool adds_sep = false;
  bool adds_space_prefix = false;  ///< The first piece of a text starts with a blank that was not in it.
  bool has_decoder = true;
  bool has_encoder = false;
  bool memory_has_parts = true;      ///< A context can forget and share some positions of a sequence, not just all.
  std::optional<Pooling> pooling{};  ///< For embedding models: what the file says.
  int input_length = 0;              ///< Values that stand for one token where it is read.
  int embedding_length = 0;          ///< Of what `RuntimeContext::embedding` gives, unless pooled to a rank.
  std::vector<std::string> rank_outputs{};  ///< Of a model pooled to a rank; the first is the relevance.
  std::string chat_template{};
  std::string rerank_template{};
  std::vector<Token> suppressed{};  ///< Never to be sampled.
  std::vector<std::pair<std::string, std::string>> metadata{};
};

struct TokenFacts {
  bool control = false;
  bool ends_generation = false;
  bool strips_left = false;  ///< Swallows white space before it, when read from text.
  bool strips_right = false;
};

struct RuntimeSensesOptions {
  std::string path{};
  int threads = 1;
  bool on_card = false;
  int image_tokens = 0;  ///< Of one picture at most, where the model has a choice; 0 for its own.
};

/// A stretch of what a picture or a sound becomes in a prompt: tokens, or rows.
struct SensePiece {
  std::vector<Token> tokens{};
  std::vector<float> rows{};
  int count = 0;      ///< Of rows; 0 for tokens.
  int positions = 0;  ///< That the rows take up; fewer than rows where positions have several dimensions.
  std::vector<int> places{};
  bool causal = true;
};

/// The part of a model that reads pictures or sounds (mmproj).  Used by one thread at a time.
class RuntimeSenses {
 public:
  virtual ~RuntimeSenses() = default;

  virtual bool sees() const = 0;
  virtual bool hears() const = 0;
  /// A file as it is (PNG, JPEG, WAV, MP3 …).  Throws `Error`: `bad_input` (unreadable), `backend_error`.
  virtual std::vector<SensePiece> encode(std::span<const std::byte> file, bool is_sound) = 0;
};

/// Weights and vocabulary.  Thread-safe.
class RuntimeModel {
 public:
  virtual ~RuntimeModel() = default;

  virtual const RuntimeModelFacts& facts() const = 0;
  /// `special`: whether the names of control tokens in `text` become those tokens.
  virtual std::vector<Token> tokenize(std::string_view text, bool special) const = 0;
  /// `text` as data, with the control tokens that the model expects around a whole one.
  virtual std::vector<Token> tokenize_whole(std::string_view text) const = 0;
  /// The bytes a token stands for; none for control tokens.
  virtual std::string piece(Token token) const = 0;
  /// Its name in the vocabulary, such as `<|im_end|>`.
  virtual std::string token_text(Token token) const = 0;
  virtual TokenFacts token_facts(Token token) const = 0;
  virtual std::unique_ptr<RuntimeContext> new_context(const RuntimeContextOptions& options) = 0;
  /// Throws `Error` (`model_load_error`).
  virtual std::unique_ptr<RuntimeLora> load_adapter(const std::string& path) = 0;
  /// The model must outlive it.  Throws `Error`: `model_load_error`; `unsupported` by a library without it.
  virtual std::unique_ptr<RuntimeSenses> load_senses(const RuntimeSensesOptions& options) = 0;
};

struct RuntimeQuantizeOptions {
  std::string from{};
  std::string to{};
  std::string type{};  ///< One of `Runtime::quantizations`.
  int threads = 1;
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual std::string version() const = 0;
  virtual std::vector<RuntimeDevice> devices() = 0;
  /// Throws `Error` (`model_load_error`, or `cancelled` where `progress` said so).
  virtual std::unique_ptr<RuntimeModel> load_model(const RuntimeLoadOptions& options) = 0;
  /// The names of the formats that `quantize` can write, such as `q4_k_m`.
  virtual std::vector<std::string> quantizations() = 0;
  /// Throws `Error` (`model_load_error`).
  virtual void quantize(const RuntimeQuantizeOptions& options) = 0;
};

/// The process's runtime: the plug-in, loaded on first use.  Throws `Error` (`backend_error`) that says where it looked
/// and how to install it.  Thread-safe.
Runtime& runtime();

// --- between the plug-in and its loader ------------------------------------------------------------------------------

/// What the plug-in may call back.  It throws nothing of its own across the boundary.
struct Host {
  void (*log)(LogLevel level, std::string_view message) = nullptr;
  /// Throws `Error`, from the host's own code.
  void (*fail)(Errc code, const std::string& message) = nullptr;
};

/// Changes whenever this header changes in a way that old plug-ins do not fit.
inline constexpr char plugin_abi[] = "dspy-llama-plugin 5";

inline constexpr char plugin_abi_symbol[] = "dspy_llama_plugin_abi";
inline constexpr char plugin_open_symbol[] = "dspy_llama_plugin_open";
using PluginAbi = const char* (*)();
/// Lives as long as the process.
using PluginOpen = Runtime* (*)(const Host& host);

}  // namespace dspy::llama
