#include "dspy/llama/llama_lm.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/text.hpp"
#include "llama/lora/lora_cache.hpp"
#include "llama/media/media_prompt.hpp"
#include "llama/media/pdf_pages.hpp"
#include "llama/media/senses.hpp"
#include "llama/thoughts.hpp"
#include "llama/tools/chat_request.hpp"
#include "llama/tools/tool_call_holder.hpp"
#include "llama/tools/tool_calls.hpp"
#include "llama/tools/tool_prompt.hpp"
#include "lm/json/sampling_json.hpp"

#include <format>
#include <iterator>
#include <utility>

namespace dspy {
namespace {

/// Earlier thoughts are left out, as models' own templates do; anything else that is not text is an error.
[[noreturn]] void refuse(std::size_t message, Role role) {
  throw Error(Errc::unsupported,
              std::format("message {} ({}) has a tool call, its result or another part that is not text, and this "
                          "model reads text only; ask a model that takes it, or write its content as text",
                          message + 1, to_string(role)));
}

/// `takes_tools`: the model's template has a place for calls and results.
void require_readable(const Chat& messages, bool takes_tools) {
  if (messages.empty())
    throw Error(Errc::invalid_parameter, "the request has no messages; give the model something to answer");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    for (const auto& part : messages[i].parts) {
      const auto* const text = part.get<TextPart>();
      const bool is_tool_part = part.get<ToolCallPart>() != nullptr || part.get<ToolResultPart>() != nullptr;
      if (takes_tools && is_tool_part) continue;
      if (text == nullptr && part.get<ReasoningPart>() == nullptr) refuse(i, messages[i].role);
      const auto position = text != nullptr ? text::invalid_utf8(text->text) : std::nullopt;
      if (!position) continue;
      throw Error(Errc::invalid_parameter,
                  std::format("message {} ({}) is not UTF-8 at byte {}; convert the text first", i + 1,
                              to_string(messages[i].role), *position),
                  {.position = position});
    }
  }
}

/// What the engine wrote as replies; none of it differs from what was asked but what is told here.
Reply reply_of(std::vector<llama::Generated> written, const Request& request, const llama::ToolContract* tools,
               const llama::Model& model) {
  const auto& provider = request.provider_options();
  Reply reply;
  reply.model = model.name();
  for (auto& each : written) {
    reply.usage += each.usage;
    auto& completion = static_cast<Completion&>(each);
    llama::split_thoughts(completion);
    if (tools != nullptr) llama::take_tool_calls(completion, *tools, llama::count_calls(request.messages) + 1);
    reply.completions.push_back(std::move(completion));
  }
  reply.usage.requests = 1;
  const auto dropped = [&](std::string_view field, bool is_set) {
    if (!is_set) return;
    reply.adaptations.push_back({.field = std::string(field),
                                 .action = Adaptation::Action::dropped,
                                 .reason = "a model in this process has no such option"});
  };
  const std::string_view source = model.info().chat_template;
  const bool knows_effort = source.contains("enable_thinking") || source.contains("reasoning_effort");
  dropped("provider.reasoning.effort",
          provider.reasoning.effort.value_or(ReasoningOptions::Effort::off) != ReasoningOptions::Effort::off &&
              !knows_effort);
  dropped("provider.reasoning.summary", !provider.reasoning.summary.empty());
  dropped("provider.prompt_cache", provider.prompt_cache != PromptCacheOptions());
  dropped("provider.probabilities", !provider.probabilities.empty() && provider.probabilities != "off");
  dropped("provider.service_tier", !provider.service_tier.empty());
  dropped("provider.store", provider.store.value_or(false));
  dropped("provider.extensions", !provider.extensions.empty());
  if (tools != nullptr && !tools->format.native) {
    reply.adaptations.push_back({.field = "tools",
                                 .action = Adaptation::Action::client_side,
                                 .reason = "the model's chat template has no place for tools; the system message "
                                           "describes them, and calls are read from the text"});
  }
  return reply;
}

}  // namespace

/// What an LM is made of.  Calls keep it, so that they may outlive the LM.
struct LlamaLM::Setup {
  LlamaOptions options;
  std::shared_ptr<llama::Engine> engine;

  Sampling sampling_for(const Sampling& asked) const {
    return asked.over(options.sampling).over(engine->model().info().recommended);
  }

  /// A prompt, what its pictures and sounds must not go before it is under way, and what of it the reply begins with.
  struct Prompt {
    std::vector<llama::Token> tokens{};
    llama::MediaChat read{};
    std::string opened{};
  };

  Prompt prompt_for(const Chat& messages, const llama::ToolContract* tools, const ReasoningOptions& reasoning) const {
    Prompt prompt;
    const auto& model = engine->model();
    if (llama::has_media(messages)) prompt.read = llama::read_media(model, messages);
    const bool has_media = !prompt.read.media.empty();
    const auto format = tool_format();
    const auto written =
        llama::written_for(model.chat_template(), has_media ? prompt.read.chat : messages, tools, format, reasoning);
    require_readable(written.chat, written.native_tools);
    auto parts = model.chat_template().render(written.chat, written.options);
    prompt.opened = llama::take_opened(parts, format, tools != nullptr);
    prompt.tokens = has_media ? llama::tokenize(model, parts, prompt.read) : model.tokenize(parts);
    return prompt;
  }

  llama::ToolFormat tool_format() const { return llama::ToolFormat::recognise(engine->model().info().chat_template); }

  /// What is asked of the engine, and what it needs beside that.
  struct Prepared {
    llama::Generation work{};
    llama::MediaChat read{};
  };

  Prepared prepare(const Request& request) const {
    auto tools = llama::tool_contract_of(request, tool_format());
    auto contract = request.contract;
    // Its template takes thoughts out of earlier turns, so the model writes some.
    contract.may_think = engine->model().info().chat_template.contains("</think>") &&
                         request.provider_options().reasoning.effort != ReasoningOptions::Effort::off;
    const auto& reasoning = request.provider_options().reasoning;
    auto [tokens, read, opened] = prompt_for(request.messages, tools.get(), reasoning);
    auto prefill = llama::begin_of_reply(opened, request.prefill, contract.may_think, tool_format());
    return {.work = {.prompt = std::move(tokens),
                     .sampling = sampling_for(request.sampling),
                     .deadline = request.deadline,
                     .stop = request.stop,
                     .loras = options.loras,
                     .contract = std::move(contract),
                     .constrain = options.constrain,
                     .tools = std::move(tools),
                     .prefill = std::move(prefill),
                     .thought_tokens = reasoning.budget_tokens},
            .read = std::move(read)};
  }

  /// Pictures take time to encode, which is not work for an event loop.
  static Async<Prepared> prepare(std::shared_ptr<const Setup> setup, const Request& request) {
    if (!llama::has_media(request.messages)) co_return setup->prepare(request);
    co_return co_await on_cpu([&] { return setup->prepare(request); });
  }

  static Async<Reply> generate(std::shared_ptr<const Setup> setup, Request request, EventSink sink) {
    std::vector<llama::Generated> written;
    auto& engine = *setup->engine;
    auto [work, read] = co_await prepare(setup, request);
    const auto tools = work.tools;
    if (request.n != 1) {
      written = co_await engine.generate_n(std::move(work), request.n);
    } else if (!sink) {
      written.push_back(co_await engine.generate(std::move(work)));
    } else {
      co_return co_await stream_one(std::move(setup), std::move(work), std::move(request), std::move(sink));
    }
    auto reply = reply_of(std::move(written), request, tools.get(), engine.model());
    if (request.n != 1 && sink) tell_whole(reply, sink);
    co_return reply;
  }

  static Async<ReplyLikelihood> likelihood(std::shared_ptr<const Setup> setup, Request request, std::string reply) {
    if (reply.empty()) throw Error(Errc::invalid_parameter, "the reply whose likelihood is wanted is empty");
    const auto asked = setup->prompt_for(request.messages, nullptr, request.provider_options().reasoning);
    reply.insert(0, llama::begin_of_reply(asked.opened, {}, false, setup->tool_format()));
    auto score = co_await setup->engine->score({.prompt = asked.tokens,
                                                .continuation = setup->engine->model().tokenize(reply),
                                                .deadline = request.deadline,
                                                .stop = request.stop,
                                                .loras = setup->options.loras});
    score.usage.requests = 1;
    co_return ReplyLikelihood{.logprob = score.logprob, .tokens = score.tokens.size(), .usage = score.usage};
  }

  static Async<Reply> stream_one(std::shared_ptr<const Setup> setup, llama::Generation work, Request request,
                                 EventSink sink) {
    const auto tools = work.tools;
    llama::ThoughtSplitter splitter;
    std::optional<llama::ToolCallHolder> holder;
    if (tools) holder.emplace(tools->format);
    Usage usage;
    const auto say = [&](std::string_view text) {
      sink({.kind = StreamEvent::Kind::text, .text = text, .usage = usage});
    };
    const llama::ThoughtSplitter::Sink forward = [&](StreamEvent::Kind kind, std::string_view text) {
      if (holder && kind == StreamEvent::Kind::text) return holder->push(text, say);
      sink({.kind = kind, .text = text, .usage = usage});
    };
    std::vector<llama::Generated> written;
    written.push_back(co_await setup->engine->generate(std::move(work), [&](const StreamEvent& event) {
      usage = event.usage;
      if (event.kind != StreamEvent::Kind::text) return sink(event);
      splitter.push(event.text, forward);
    }));
    splitter.finish(forward);
    auto reply = reply_of(std::move(written), request, tools.get(), setup->engine->model());
    const auto& completion = reply.completions.front();
    if (holder) holder->finish(!completion.tool_calls.empty(), say);
    llama::tell_tool_calls(completion, usage, sink);
    co_return reply;
  }
};

LlamaLM::LlamaLM(std::string_view name_or_path, LlamaOptions options) {
  validate(options.sampling);
  llama::validate(options.engine);
  if (!options.pool) options.pool = llama::ModelPool::shared();
  const auto model = options.pool->load(name_or_path, options.model, options.progress);
  static_cast<void>(model->loras().load(*model, options.loras));  // so that a wrong one is told now
  if (!options.draft.empty()) options.engine.draft_model = options.pool->load(options.draft, options.model);
  auto engine = options.pool->engine(model, options.engine);
  setup_ = std::make_shared<const Setup>(Setup{.options = std::move(options), .engine = std::move(engine)});
}

std::string_view LlamaLM::model() const noexcept {
  return engine().model().name();
}

llama::Engine& LlamaLM::engine() const noexcept {
  return *setup_->engine;
}

int LlamaLM::context_length() const noexcept {
  return setup_->engine->options().context_length;
}

Sampling LlamaLM::sampling_for(const Request& request) const {
  return setup_->sampling_for(request.sampling);
}

std::vector<llama::Token> LlamaLM::prompt_for(const Chat& messages) const {
  return setup_->prompt_for(messages, nullptr, {}).tokens;
}

std::vector<llama::Token> LlamaLM::prompt_for_request(const Request& request) const {
  const auto tools = llama::tool_contract_of(request, setup_->tool_format());
  return setup_->prompt_for(request.messages, tools.get(), request.provider_options().reasoning).tokens;
}

Capabilities LlamaLM::capabilities() const {
  const auto& model = engine().model();
  return {.enforces_contract = setup_->options.constrain != llama::Constrain::off,
          .prefill = true,
          .tools = true,
          .images = model.sees(),
          .audio = model.hears(),
          .documents = model.sees() && llama::has_pdf_pages(),
          .logprobs = true,
          .streams = true,
          .context_length = context_length()};
}

std::string LlamaLM::fingerprint() const {
  const auto& info = engine().model().info();
  auto print =
      std::format("llama:{}:{}:{}", info.path.filename().string(), info.file_bytes, to_text(to_json(sampling_for({}))));
  if (const auto* const senses = engine().model().senses()) {
    std::format_to(std::back_inserter(print), ":mmproj={}:{}:{}", senses->file().path.filename().string(),
                   senses->file().bytes, senses->options().image_tokens);
  }
  for (const auto& lora : setup_->options.loras)
    std::format_to(std::back_inserter(print), ":lora={}*{}", lora.file.string(), lora.scale);
  // What else bears on replies, where it is not as usual.
  const auto& options = engine().options();
  if (setup_->options.constrain == llama::Constrain::off) print += ":unconstrained";
  if (options.loop_tokens != llama::EngineOptions().loop_tokens)
    std::format_to(std::back_inserter(print), ":loop_tokens={}", options.loop_tokens);
  if (options.kv_type != llama::EngineOptions().kv_type)
    std::format_to(std::back_inserter(print), ":kv_type={}", static_cast<int>(options.kv_type));
  return print;
}

Async<Reply> LlamaLM::complete(Request request) {
  return Setup::generate(setup_, std::move(request), {});
}

Async<ReplyLikelihood> LlamaLM::likelihood(Request request, std::string reply) {
  return Setup::likelihood(setup_, std::move(request), std::move(reply));
}

Async<Reply> LlamaLM::stream(Request request, EventSink sink) {
  return Setup::generate(setup_, std::move(request), std::move(sink));
}

}  // namespace dspy
