#include "dspy/llama/llama_lm.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/adapter_cache.hpp"

#include <format>

namespace dspy {
namespace {

void require_readable(const Chat& messages) {
  if (messages.empty())
    throw Error(Errc::invalid_parameter, "the request has no messages; give the model something to answer");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (const auto position = text::invalid_utf8(messages[i].content)) {
      throw Error(Errc::invalid_parameter,
                  std::format("message {} ({}) is not UTF-8 at byte {}; convert the text first", i + 1,
                              to_string(messages[i].role), *position),
                  {.position = position});
    }
  }
}

}  // namespace

/// What a call needs, for as long as it runs.
struct LlamaLM::Setup {
  LlamaOptions options{};
  std::shared_ptr<llama::Engine> engine{};

  const llama::Model& model() const noexcept { return engine->model(); }

  Sampling sampling_for(const Request& request) const {
    return request.sampling.over(options.sampling).over(model().info().recommended);
  }

  std::vector<llama::Token> prompt_for(const Chat& messages) const {
    require_readable(messages);
    return model().tokenize(messages);
  }

  llama::Generation prepare(Request request) const {
    // Its template takes thoughts out of earlier turns, so the model writes some.
    if (model().info().chat_template.contains("</think>")) request.contract.may_think = true;
    return {.prompt = prompt_for(request.messages),
            .sampling = sampling_for(request),
            .deadline = request.deadline,
            .stop = std::move(request.stop),
            .loras = options.loras,
            .contract = std::move(request.contract),
            .constrain = options.constrain,
            .begins_with = std::move(request.begins_with)};
  }

  static Async<Reply> generate(std::shared_ptr<const Setup> setup, Request request, EventSink sink) {
    co_return co_await setup->engine->generate(setup->prepare(std::move(request)), std::move(sink));
  }
};

LlamaLM::LlamaLM(std::string_view name_or_path, LlamaOptions options) {
  validate(options.sampling);
  llama::validate(options.engine);
  if (!options.pool) options.pool = llama::ModelPool::shared();
  const auto model = options.pool->load(name_or_path, options.model, options.progress);
  static_cast<void>(model->adapters().load(*model, options.loras));  // so that a wrong one is told now
  if (!options.draft.empty()) options.engine.draft_model = options.pool->load(options.draft, options.model);
  auto engine = options.pool->engine(model, options.engine);
  setup_ = std::make_shared<const Setup>(std::move(options), std::move(engine));
}

std::string_view LlamaLM::model() const noexcept {
  return setup_->model().name();
}

llama::Engine& LlamaLM::engine() const noexcept {
  return *setup_->engine;
}

int LlamaLM::context_length() const noexcept {
  return setup_->engine->options().context_length;
}

Sampling LlamaLM::sampling_for(const Request& request) const {
  return setup_->sampling_for(request);
}

std::vector<llama::Token> LlamaLM::prompt_for(const Chat& messages) const {
  return setup_->prompt_for(messages);
}

Async<Reply> LlamaLM::complete(Request request) {
  return Setup::generate(setup_, std::move(request), {});
}

Async<Reply> LlamaLM::stream(Request request, EventSink sink) {
  return Setup::generate(setup_, std::move(request), std::move(sink));
}

}  // namespace dspy
