#include "dspy/providers/provider_lm.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/estimate.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "providers/endpoint.hpp"
#include "providers/exchange.hpp"
#include "providers/protocol.hpp"
#include "providers/state.hpp"
#include "providers/stop_cutter.hpp"

#include <format>
#include <utility>

namespace dspy {
namespace {

using providers::Endpoint;
using providers::Protocol;
using providers::WireRequest;

template <class T>
T either(T asked, const T& otherwise) {
  return asked == T() ? otherwise : std::move(asked);
}

ReasoningOptions over(ReasoningOptions asked, const ReasoningOptions& otherwise) {
  asked.effort = either(asked.effort, otherwise.effort);
  asked.budget_tokens = either(asked.budget_tokens, otherwise.budget_tokens);
  asked.summary = either(std::move(asked.summary), otherwise.summary);
  return asked;
}

/// Each member that is asked for, else the model's own.
ProviderOptions over(ProviderOptions asked, const ProviderOptions& otherwise) {
  asked.reasoning = over(std::move(asked.reasoning), otherwise.reasoning);
  asked.prompt_cache = either(std::move(asked.prompt_cache), otherwise.prompt_cache);
  asked.probabilities = either(std::move(asked.probabilities), otherwise.probabilities);
  asked.service_tier = either(std::move(asked.service_tier), otherwise.service_tier);
  asked.user_id = either(std::move(asked.user_id), otherwise.user_id);
  asked.store = either(asked.store, otherwise.store);
  asked.extensions = either(std::move(asked.extensions), otherwise.extensions);
  asked.metadata = either(std::move(asked.metadata), otherwise.metadata);
  return asked;
}

void require_askable(const Request& request) {
  if (request.messages.empty())
    throw Error(Errc::invalid_parameter, "the request has no messages; give the model something to answer");
  if (request.n < 1)
    throw Error(Errc::invalid_parameter, std::format("`n` is {}; ask for at least 1 completion", request.n));
  std::size_t number = 0;
  for (const auto& message : request.messages) {
    ++number;
    for (const auto& part : message.parts) {
      const auto* const text = part.get<TextPart>();
      if (const auto position = text != nullptr ? text::invalid_utf8(text->text) : std::nullopt)
        throw Error(Errc::invalid_parameter,
                    std::format("message {} ({}) is not UTF-8 at byte {}; convert the text first", number,
                                to_string(message.role), *position),
                    {.position = *position});
    }
  }
}

/// No tokenizer of a provider is here, so only what exceeds the window by any of them is refused.
void require_room(const Request& request, std::optional<int> window) {
  constexpr std::uint64_t most_bytes_per_token = 8;
  if (!window) return;
  const auto tokens = text_bytes(request) / most_bytes_per_token;
  if (tokens <= static_cast<std::uint64_t>(*window)) return;
  throw Error(Errc::context_too_long,
              std::format("the prompt has {} tokens or more (estimated at {} bytes each), and the model's window "
                          "`context_length` is {}; shorten the prompt, or use a model with a larger context",
                          tokens, most_bytes_per_token, *window),
              {.actual = tokens, .max = static_cast<std::uint64_t>(*window)});
}

}  // namespace

struct ProviderLM::Setup {
  RemoteOptions options;
  Endpoint endpoint;
  const Protocol* protocol = nullptr;

  Request prepare(Request request) const {
    request.sampling = request.sampling.over(options.sampling);
    validate(request.sampling);
    request.provider = std::make_shared<const ProviderOptions>(over(request.provider_options(), options.provider));
    require_askable(request);
    require_room(request, options.context_length);
    return request;
  }

  std::size_t drop_foreign_state(Request& request) const {
    return providers::drop_foreign_state(request.messages, *endpoint.dialect, endpoint.account);
  }

  WireRequest write(const Request& request, bool stream) const {
    return protocol->write(request, {.dialect = *endpoint.dialect, .model = options.model, .stream = stream});
  }

  /// What the provider said, with what was done about the request.
  void finish(Reply& reply, WireRequest& wire) const {
    providers::bind_state(reply, endpoint.account);
    for (auto& completion : reply.completions) {
      providers::cut_at_stop(completion, wire.stops);
      completion.unenforced = wire.notes.unenforced;
    }
    reply.adaptations = std::move(wire.notes.adaptations);
  }

  static Async<Reply> ask_once(std::shared_ptr<const Setup> setup, Request request) {
    auto wire = setup->write(request, false);
    auto reply = co_await providers::exchange(setup->endpoint, *setup->protocol, setup->options.model, wire, request);
    setup->finish(reply, wire);
    co_return reply;
  }

  static Async<Reply> stream_once(std::shared_ptr<const Setup> setup, Request request, EventSink sink) {
    auto wire = setup->write(request, true);
    auto reply = co_await providers::stream_exchange(setup->endpoint, *setup->protocol, setup->options.model, wire,
                                                     request, std::move(sink));
    setup->finish(reply, wire);
    co_return reply;
  }

  /// Asks once for each completion where the provider gives one at a time; the first is streamed if there is a sink.
  static Async<Reply> ask(std::shared_ptr<const Setup> setup, Request request, EventSink sink, bool stream) {
    request = setup->prepare(std::move(request));
    const auto dropped = setup->drop_foreign_state(request);
    const int wanted = request.n;
    const bool one_by_one = wanted > 1 && setup->write(request, stream).one_by_one;
    if (one_by_one) request.n = 1;
    // Not `? :`: g++ 14 may miscompile a conditional expression of two `co_await`.
    Reply reply;
    if (stream) {
      reply = co_await stream_once(setup, request, std::move(sink));
    } else {
      reply = co_await ask_once(setup, request);
    }
    for (int i = 1; one_by_one && i < wanted; ++i) {
      auto next = request;
      if (request.sampling.seed) next.sampling.seed = *request.sampling.seed + static_cast<std::uint64_t>(i);
      auto more = co_await ask_once(setup, std::move(next));
      reply.usage += more.usage;
      for (auto& completion : more.completions) reply.completions.push_back(std::move(completion));
    }
    if (dropped != 0)
      reply.adaptations.push_back({.field = "messages",
                                   .reason = "thoughts and signatures of another account, which alone can read them",
                                   .asked = dropped,
                                   .applied = 0});
    if (one_by_one)
      reply.adaptations.push_back({.field = "n",
                                   .action = Adaptation::Action::client_side,
                                   .reason = "the provider gives one completion a request",
                                   .asked = wanted,
                                   .applied = 1});
    co_return reply;
  }
};

ProviderLM::ProviderLM(const Dialect& dialect, RemoteOptions options) {
  if (options.model.empty())
    throw Error(Errc::config_error, std::format("{}: which model? Name it by `model`", dialect.title));
  if (text::invalid_utf8(options.model))
    throw Error(Errc::config_error, std::format("{}: the name of the model is not UTF-8", dialect.title));
  validate(options.sampling);
  if (options.context_length.value_or(1) < 1)
    throw Error(Errc::config_error,
                std::format("{}: `context_length` is {}; give the model's window in tokens, 1 or more", dialect.title,
                            *options.context_length));
  const bool speaks_both = dialect.name == "openai" || dialect.name == "azure";
  if (speaks_both && options.model.starts_with("responses/")) {
    options.api = Api::responses;
    options.model.erase(0, std::string_view("responses/").size());
  }
  const auto api = options.api.value_or(dialect.api);
  const bool is_choice = api == Api::chat || api == Api::responses;
  const bool has_choice = dialect.api == Api::chat;
  if (api != dialect.api && !(is_choice && has_choice))
    throw Error(Errc::config_error,
                std::format("{} does not speak `{}`; leave `api` out", dialect.title, to_string(api)));
  if (options.web_socket && api != Api::responses)
    throw Error(Errc::config_error,
                std::format("{}: only Responses can be asked over a WebSocket; set `api` to `responses`, or leave "
                            "`web_socket` out",
                            dialect.title));
  auto endpoint = providers::make_endpoint(dialect, options);
  options.api_key = Secret();  // the endpoint has it
  setup_ = std::make_shared<const Setup>(
      Setup{.options = std::move(options), .endpoint = std::move(endpoint), .protocol = &providers::protocol_of(api)});
}

std::string_view ProviderLM::model() const noexcept {
  return setup_->options.model;
}

const Dialect& ProviderLM::dialect() const noexcept {
  return *setup_->endpoint.dialect;
}

const std::string& ProviderLM::base_url() const noexcept {
  return setup_->endpoint.base_url;
}

Capabilities ProviderLM::capabilities() const {
  const auto& speaks = dialect();
  return {.enforces_contract = speaks.structured == Dialect::Structured::json_schema,
          .tools = true,
          .images = true,
          .audio = speaks.audio && setup_->options.api != Api::responses,
          .documents = speaks.files,
          .logprobs = speaks.most_logprobs >= 0,
          .streams = true,
          .context_length = setup_->options.context_length};
}

std::string ProviderLM::fingerprint() const {
  const auto& options = setup_->options;
  Request defaults{.sampling = options.sampling, .provider = std::make_shared<const ProviderOptions>(options.provider)};
  return std::format("{}:{}:{}:{}:{}", dialect().name, to_string(options.api.value_or(dialect().api)), base_url(),
                     options.model, digest(defaults));
}

Async<Reply> ProviderLM::complete(Request request) {
  return Setup::ask(setup_, std::move(request), {}, false);
}

Async<Reply> ProviderLM::stream(Request request, EventSink sink) {
  return Setup::ask(setup_, std::move(request), std::move(sink), true);
}

}  // namespace dspy
