#include "llama/text_model.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/model/hardware.hpp"
#include "llama/model/runtime.hpp"

#include <algorithm>
#include <format>
#include <iterator>

namespace dspy::llama {
namespace {

/// A text's attention needs memory that grows with the square of its length, so nobody gets a longer one unasked.
constexpr int longest_unasked = 2048;

void validate(const LlamaReadOptions& options) {
  const auto require = [](bool fine, std::string_view name, int value, std::string_view range) {
    if (!fine) throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be {}", name, value, range));
  };
  require(options.context_length >= 0, "context_length", options.context_length, "at least 1, or 0 for automatic");
  require(options.batch >= 1, "batch", options.batch, "at least 1");
  require(options.sequences >= 1 && options.sequences <= 256, "sequences", options.sequences, "between 1 and 256");
  require(options.queue_limit >= 1, "queue_limit", options.queue_limit, "at least 1");
  require(options.threads >= 0 && options.threads <= 512, "threads", options.threads,
          "between 1 and 512, or 0 for automatic");
}

/// Tokens that the model puts around each text.
int frame_size(const Model& model) {
  const auto& handle = model.handle();
  const auto is_control = [&](Token token) { return handle.token_facts(token).control; };
  return static_cast<int>(std::ranges::count_if(handle.tokenize_whole("a"), is_control));
}

}  // namespace

LlamaReadOptions TextModel::in_force(LlamaReadOptions options, const Model& model) {
  const int trained = model.context_length() > 0 ? model.context_length() : longest_unasked;
  if (options.context_length == 0) options.context_length = std::min(longest_unasked, trained);
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::invalid_parameter,
                std::format("context_length is {}, and `{}` {}", options.context_length, model.name(), why),
                {.model = model.name()});
  };
  if (model.context_length() > 0 && options.context_length > trained)
    refuse(std::format("was trained for {} tokens; make it at most {}, or leave it automatic (0)", trained, trained));
  if (const int own = frame_size(model); options.context_length <= own)
    refuse(std::format("puts {} token{} of its own around each text; make it at least {}", own, own == 1 ? "" : "s",
                       own + 1));
  options.batch = std::max(options.batch, options.context_length);
  if (options.threads == 0) options.threads = threads_for(model.info().weight_bytes);
  return options;
}

std::shared_ptr<const Model> load_for_texts(std::string_view name_or_path, LlamaReadOptions& options) {
  validate(options);
  if (!options.pool) options.pool = ModelPool::shared();
  return options.pool->load(name_or_path, options.model);
}

bool is_blank(std::string_view text) {
  constexpr std::string_view blanks[] = {"\u0085", "\u00A0", "\u1680", "\u2028", "\u2029",
                                         "\u202F", "\u205F", "\u3000", "\u200B", "\uFEFF"};
  constexpr std::string_view first_of_quads = "\u2000", last_of_quads = "\u200A";
  for (text = text::trim(text); !text.empty(); text = text::trim(text)) {
    const auto quad = text.substr(0, first_of_quads.size());
    const bool is_quad = quad >= first_of_quads && quad <= last_of_quads;
    const auto found = std::ranges::find_if(blanks, [&](std::string_view blank) { return text.starts_with(blank); });
    if (!is_quad && found == std::ranges::end(blanks)) return false;
    text.remove_prefix(is_quad ? quad.size() : found->size());
  }
  return true;
}

void require_text(std::string_view text, const std::string& what) {
  if (const auto position = text::invalid_utf8(text))
    throw Error(Errc::invalid_parameter,
                std::format("{} is not UTF-8 at byte {}; convert the text first", what, *position),
                {.position = position});
}

void fit_text(std::vector<Token>& tokens, std::size_t most, const LlamaReadOptions& options, const Model& model,
              const std::string& what) {
  if (tokens.size() <= most) return;
  if (!options.truncate)
    throw Error(Errc::context_too_long,
                std::format("{} has {} tokens and `{}` reads {}; split it, or let it be cut (truncate){}", what,
                            tokens.size(), model.name(), most,
                            options.context_length < model.context_length() ? ", or raise context_length" : ""),
                {.actual = tokens.size(), .max = most, .model = model.name()});
  const auto last = tokens.back();
  tokens.resize(most);
  if (model.handle().token_facts(last).control) tokens.back() = last;
}

}  // namespace dspy::llama
