#include "dspy/llama/model.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/gguf/gguf.hpp"
#include "llama/lora/lora_cache.hpp"
#include "llama/mask/vocabulary.hpp"
#include "llama/media/senses.hpp"
#include "llama/media/senses_file.hpp"
#include "llama/model/device_fault.hpp"
#include "llama/model/hardware.hpp"
#include "llama/model/marker_tokens.hpp"
#include "llama/model/model_info.hpp"
#include "llama/model/piece_cache.hpp"
#include "llama/model/runtime.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <format>

namespace dspy::llama {
namespace {

/// Files that hold no language model, by what they say; libllama's own words for them help nobody.
void require_language_model(const ModelInfo& info, const Gguf& gguf) {
  const auto refuse = [&](std::string_view why) {
    throw Error(Errc::model_load_error, std::format("`{}` {}", info.path.string(), why), {.model = info.path.string()});
  };
  if (info.architecture.empty()) refuse("does not say which architecture it is (no key `general.architecture`)");
  if (gguf.text("general.type") == "adapter") refuse("is a LoRA adapter, not a model; load the model it was made for");
  if (info.architecture == "clip" || gguf.text("general.type") == "mmproj")
    refuse("is the image part of a multimodal model; load the language model it belongs to");
  if (gguf.tensors.empty()) refuse("holds no weights (only a vocabulary)");
}

/// The other files of a model that is stored in parts; libllama finds them itself, and says little if one is damaged.
void check_parts(const Gguf& gguf, const std::filesystem::path& file) {
  const auto parts = gguf.whole("split.count").value_or(1);
  const auto name = file.filename().string();
  const auto mark = std::format("-00001-of-{:05}.gguf", parts);
  if (parts <= 1) return;
  if (!name.ends_with(mark))
    throw Error(Errc::model_load_error,
                std::format("`{}` is one of the {} parts of a model; load the first, whose name ends in `{}`",
                            file.string(), parts, mark),
                {.model = file.string()});
  const auto stem = name.substr(0, name.size() - mark.size());
  for (std::uint64_t part = 2; part <= parts; ++part)
    static_cast<void>(read_gguf(file.parent_path() / std::format("{}-{:05}-of-{:05}.gguf", stem, part, parts)));
}

/// Weights that stay on the processor are often rearranged for its instructions, so mapping the file would only keep a
/// second copy of it in memory; but a file that nearly fills the memory is better mapped than copied.
LoadMode load_mode(const Placement& placement, std::uint64_t file_bytes) {
  if (!placement.devices.empty()) return LoadMode::automatic;
  return file_bytes < HostFacts::read().memory_free / 2 ? LoadMode::read : LoadMode::map;
}

/// Runs `load`, and adds to what it throws which file it was about.
std::unique_ptr<RuntimeModel> load_named(const ModelInfo& info, Runtime& library, const RuntimeLoadOptions& options) {
  const auto file = info.path.string();
  try {
    return library.load_model(options);
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled)
      throw Error(Errc::cancelled, std::format("loading `{}` was cancelled", file), {.model = file});
    const std::string_view reason = error.what();
    const bool unknown = reason.contains("unknown model architecture");
    throw Error(error.code(),
                unknown
                    ? std::format("`{}` has the architecture `{}`, which libllama {} does not know; install a newer "
                                  "libllama, or use another model",
                                  file, info.architecture, library.version())
                    : std::format("cannot load `{}`: {}", file, reason),
                {.model = file});
  }
}

/// What `options` leave open, from the environment: `DSPY_DEVICES` (names, with commas between them) and
/// `DSPY_GPU_LAYERS`.
ModelOptions with_environment(ModelOptions options) {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets them
  if (const char* const names = std::getenv("DSPY_DEVICES"); names != nullptr && options.devices.empty()) {
    for (std::string_view rest = names; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      if (end > 0) options.devices.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  if (const char* const layers = std::getenv("DSPY_GPU_LAYERS"); layers != nullptr && options.gpu_layers == -1) {
    const std::string_view text = layers;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.gpu_layers);
    if (error != std::errc{} || end != text.data() + text.size())
      throw Error(Errc::config_error, std::format("DSPY_GPU_LAYERS is `{}`; give a whole number, -1 for all", text));
  }
  // NOLINTEND(concurrency-mt-unsafe)
  return options;
}

void validate(const MediaOptions& media) {
  const auto require = [](bool fine, std::string_view name, auto value, std::string_view range) {
    if (!fine) throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be {}", name, value, range));
  };
  require(media.image_tokens >= 0, "image_tokens", media.image_tokens, "at least 1, or 0 for the model's own");
  require(media.most_media >= 1, "most_media", media.most_media, "at least 1");
  require(media.max_seconds > 0, "max_seconds", media.max_seconds, "above 0");
}

/// Loads what was placed on cards; where it does not fit after all, since the library wanted more or another program
/// came first, fewer layers are tried, down to none.  Not where so many were asked for.
std::unique_ptr<RuntimeModel> load_fitting(const ModelInfo& info, Runtime& library, RuntimeLoadOptions load,
                                           const ModelOptions& options, Placement& placement) {
  for (;;) {
    try {
      return load_named(info, library, load);
    } catch (const Error& error) {
      if (load.devices.empty() || error.code() == Errc::cancelled) throw;
      const int layers = load.gpu_layers < 0 ? info.layers + 1 : load.gpu_layers;
      if (device_fault(error.what()) != DeviceFault::memory || options.gpu_layers != -1)
        throw explained(error, info.name, placement.words);
      const int fewer = layers / 2;
      log(LogLevel::warning, "llama",
          std::format("{} of {} layers of `{}` do not fit on the graphics card ({}); trying {}", layers,
                      info.layers + 1, info.name, error.what(), fewer));
      load.gpu_layers = fewer;
      placement.gpu_layers = fewer;
      placement.words = fewer == 0 ? "the processor, since the graphics card had no room"
                                   : std::format("{} of {} layers on a graphics card, since more did not fit", fewer,
                                                 info.layers + 1);
      if (fewer == 0) {
        load.devices.clear();
        placement.devices.clear();
        load.mode = load_mode(placement, info.file_bytes);
      }
    }
  }
}

ChatTemplate template_of(const ModelInfo& info, const RuntimeModel& handle) {
  const auto& facts = handle.facts();
  const auto is_token = [&](std::string_view text) { return !text.empty() && handle.tokenize(text, true).size() == 1; };
  const auto text_of = [&](Token token) { return token < 0 ? std::string() : handle.token_text(token); };
  std::vector<std::string> control;
  for (Token token = 0; token < facts.vocabulary; ++token) {
    if (handle.token_facts(token).control) control.push_back(handle.token_text(token));
  }
  auto result = ChatTemplate::recognise(info.chat_template,
                                        {is_token, text_of(facts.bos), text_of(facts.eos), std::move(control)});
  if (!result.problem().empty() && handle.facts().has_decoder && !handle.facts().pooling) {
    log(LogLevel::warning, "llama",
        std::format("the chat template of `{}` cannot be run, so its prompts are written as `{}`: {}",
                    info.path.string(), result.name(), result.problem()));
  } else if (!result.recognised() && handle.facts().has_decoder && !handle.facts().pooling) {
    log(info.chat_template.empty() ? LogLevel::info : LogLevel::warning, "llama",
        std::format("`{}` has {}; its prompts are written as `{}`", info.path.string(),
                    info.chat_template.empty() ? "no chat template" : "a chat template of no known family",
                    result.name()));
  }
  return result;
}

}  // namespace

std::shared_ptr<const Model> Model::load(const std::filesystem::path& file, ModelOptions wanted,
                                         const Progress& progress, Runtime* given) {
  const auto options = given != nullptr ? std::move(wanted) : with_environment(std::move(wanted));
  validate(options.media);
  if (options.gpu_layers < -1)
    throw Error(Errc::invalid_parameter, std::format("gpu_layers is {}; -1 is all, 0 is none", options.gpu_layers));
  const auto gguf = read_gguf(file);
  auto info = describe(gguf, file);
  require_language_model(info, gguf);
  check_parts(gguf, file);

  auto& library = given ? *given : runtime();
  auto placement = place(library.devices(), info.weight_bytes, info.layers, options.gpu_layers, options.devices);
  RuntimeLoadOptions load{.path = file.string(),
                          .gpu_layers = placement.gpu_layers,
                          .devices = placement.devices,
                          .mode = load_mode(placement, info.file_bytes),
                          .kernels = options.kernels};
  if (progress) load.progress = [&progress](float done) { return progress(static_cast<double>(done)); };
  auto senses = find_senses(info, options.media);
  auto handle = load_fitting(info, library, load, options, placement);
  const bool on_gpu = !placement.devices.empty();
  const std::shared_ptr<Model> model(
      new Model(std::move(info), std::move(handle), std::move(placement.words), on_gpu, options.kernels));
  if (senses)
    model->senses_ = std::make_unique<Senses>(*std::move(senses), options.media, recommended_threads(HostFacts::read()),
                                              on_gpu, *model->handle_);
  return model;
}

Model::Model(ModelInfo info, std::unique_ptr<RuntimeModel> handle, std::string placement, bool on_gpu, Kernels kernels)
    : info_(std::move(info)),
      handle_(std::move(handle)),
      loras_(std::make_unique<LoraCache>()),
      pieces_of_prompts_(std::make_unique<PieceCache>()),
      placement_(std::move(placement)),
      on_gpu_(on_gpu),
      kernels_(kernels),
      template_(template_of(info_, *handle_)),
      markers_(std::make_unique<MarkerTokens>(*handle_, ToolFormat::recognise(info_.chat_template))) {
  const auto& facts = handle_->facts();
  info_.vocabulary = facts.vocabulary;
  if (info_.context_length == 0) info_.context_length = facts.context_length;
  const auto count = static_cast<std::size_t>(facts.vocabulary);
  piece_ends_.reserve(count);
  ends_reply_.resize(count);
  for (Token token = 0; token < facts.vocabulary; ++token) {
    if (const auto* const marker = markers_->find(token))
      pieces_ += *marker;
    else
      pieces_ += handle_->piece(token);
    piece_ends_.push_back(static_cast<std::uint32_t>(pieces_.size()));
    ends_reply_[static_cast<std::size_t>(token)] = handle_->token_facts(token).ends_generation;
  }
  if (!template_.turn_end().empty())
    ends_reply_[static_cast<std::size_t>(handle_->tokenize(template_.turn_end(), true).front())] = true;
  if (facts.eos >= 0 && facts.eos < facts.vocabulary) ends_reply_[static_cast<std::size_t>(facts.eos)] = true;
}

Model::~Model() = default;

bool Model::sees() const noexcept {
  return senses_ && senses_->file().sees;
}

bool Model::hears() const noexcept {
  return senses_ && senses_->file().hears;
}

std::vector<Token> Model::tokenize(std::string_view text) const {
  return handle_->tokenize(text, false);
}

std::vector<Token> Model::tokenize_with_control(std::string_view text) const {
  return handle_->tokenize(text, true);
}

void Model::append(std::vector<Token>& tokens, std::string_view text, bool control) const {
  pieces_of_prompts_->append(tokens, text, control,
                             [&](std::string_view piece) { return handle_->tokenize(piece, control); });
}

std::vector<Token> Model::tokenize(const Chat& chat, const ChatOptions& options) const {
  return tokenize(template_.render(chat, options));
}

// Some control tokens swallow the white space beside them when the whole prompt is tokenized as one string, and models
// were trained that way.
std::vector<Token> Model::tokenize(const std::vector<PromptPart>& parts) const {
  return tokenize(parts, [this](std::vector<Token>& tokens, std::string_view text) { append(tokens, text, false); });
}

std::vector<Token> Model::tokenize(const std::vector<PromptPart>& parts, const TextWriter& write) const {
  std::vector<Token> tokens;
  const auto& facts = handle_->facts();
  if (facts.adds_bos && facts.bos >= 0) tokens.push_back(facts.bos);

  const auto first_of = [&](std::string_view control) {
    std::vector<Token> all;
    append(all, control, true);
    return all.front();
  };
  const auto control_facts = [&](std::size_t index) -> TokenFacts {
    if (index >= parts.size() || !parts[index].control) return {};
    return handle_->token_facts(first_of(parts[index].text));
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string_view text = parts[i].text;
    if (!parts[i].control) {
      constexpr std::string_view blank = " \t\n\r\v\f";
      if (i > 0 && control_facts(i - 1).strips_right)
        text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
      if (control_facts(i + 1).strips_left) text = text.substr(0, text.find_last_not_of(blank) + 1);
      if (text.empty()) continue;
    }
    // A template that writes the first token itself must not double it.
    if (i == 0 && parts[i].control && !tokens.empty() && first_of(text) == tokens.front()) continue;
    if (parts[i].control)
      append(tokens, text, true);
    else
      write(tokens, text);
  }
  return tokens;
}

std::string_view Model::piece(Token token) const noexcept {
  const auto index = static_cast<std::size_t>(token);
  if (token < 0 || index >= piece_ends_.size()) return {};
  const auto start = index == 0 ? 0 : piece_ends_[index - 1];
  return std::string_view(pieces_).substr(start, piece_ends_[index] - start);
}

std::string Model::detokenize(std::span<const Token> tokens) const {
  std::string text;
  for (const auto token : tokens) text += piece(token);
  if (handle_->facts().adds_space_prefix && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

bool Model::ends_reply(Token token) const noexcept {
  const auto index = static_cast<std::size_t>(token);
  return token >= 0 && index < ends_reply_.size() && ends_reply_[index];
}

std::shared_ptr<const mask::Vocabulary> Model::mask_vocabulary() const {
  using mask::Vocabulary;
  std::call_once(vocabulary_made_, [this] {
    std::vector<std::string> pieces;
    std::vector<Token> ends;
    for (Token token = 0; token < vocabulary_size(); ++token) {
      const bool is_hidden = handle_->token_facts(token).control && markers_->find(token) == nullptr;
      pieces.emplace_back(is_hidden ? std::string_view() : piece(token));
      if (ends_reply(token)) ends.push_back(token);
    }
    for (const auto token : suppressed()) pieces[static_cast<std::size_t>(token)].clear();
    const bool blank = handle_->facts().adds_space_prefix;
    vocabulary_ = std::make_shared<const Vocabulary>(
        std::move(pieces), std::move(ends),
        [this](std::string_view text) {
          return markers_->tokenize(text, [this](std::string_view part) { return continuation(part); });
        },
        blank ? Vocabulary::FirstBlank::dropped : Vocabulary::FirstBlank::belongs);
  });
  return vocabulary_;
}

/// The tokens of text that stands in the middle of a reply.  A tokenizer that puts a blank first is given a line end to
/// put it before: no token goes across that.
std::vector<Token> Model::continuation(std::string_view text) const {
  if (!handle_->facts().adds_space_prefix) return handle_->tokenize(text, false);
  auto tokens = handle_->tokenize("\n" + std::string(text), false);
  std::size_t size = 0;
  std::size_t count = 0;
  while (count < tokens.size() && size < 2) size += piece(tokens[count++]).size();
  if (size != 2) return {};
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count));
  return tokens;
}

std::span<const Token> Model::suppressed() const noexcept {
  return handle_->facts().suppressed;
}

}  // namespace dspy::llama
