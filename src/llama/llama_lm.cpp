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

LlamaLM::LlamaLM(std::string_view name_or_path, LlamaOptions options) : options_(std::move(options)) {
  validate(options_.sampling);
  llama::validate(options_.engine);
  if (!options_.pool) options_.pool = llama::ModelPool::shared();
  const auto model = options_.pool->load(name_or_path, options_.model, options_.progress);
  static_cast<void>(model->adapters().load(*model, options_.loras));  // so that a wrong one is told now
  if (!options_.draft.empty()) options_.engine.draft_model = options_.pool->load(options_.draft, options_.model);
  engine_ = options_.pool->engine(model, options_.engine);
}

std::string_view LlamaLM::model() const noexcept {
  return engine_->model().name();
}

Sampling LlamaLM::sampling_for(const Request& request) const {
  return request.sampling.over(options_.sampling).over(engine_->model().info().recommended);
}

std::vector<llama::Token> LlamaLM::prompt_for(const Chat& messages) const {
  require_readable(messages);
  return engine_->model().tokenize(messages);
}

llama::Generation LlamaLM::prepare(Request request) const {
  // Its template takes thoughts out of earlier turns, so the model writes some.
  if (engine_->model().info().chat_template.contains("</think>")) request.contract.may_think = true;
  return {.prompt = prompt_for(request.messages),
          .sampling = sampling_for(request),
          .deadline = request.deadline,
          .stop = std::move(request.stop),
          .loras = options_.loras,
          .contract = std::move(request.contract),
          .constrain = options_.constrain,
          .begins_with = std::move(request.begins_with)};
}

// The engine outlives the call even where the LM does not.
Async<Reply> LlamaLM::complete(Request request) {
  const auto engine = engine_;
  co_return co_await engine->generate(prepare(std::move(request)));
}

Async<Reply> LlamaLM::stream(Request request, EventSink sink) {
  const auto engine = engine_;
  co_return co_await engine->generate(prepare(std::move(request)), std::move(sink));
}

}  // namespace dspy
