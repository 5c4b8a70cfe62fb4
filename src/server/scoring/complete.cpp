#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/llama/scores.hpp"
#include "server/anthropic/anthropic.hpp"
#include "server/openai/openai.hpp"
#include "server/programs/program_call.hpp"
#include "server/protocols/claim.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/model_call.hpp"
#include "server/random_id.hpp"
#include "server/scoring/completions.hpp"
#include "server/scoring/completions_reply.hpp"
#include "server/scoring/endpoints.hpp"
#include "server/scoring/local_model.hpp"
#include "server/scoring/tokens.hpp"
#include "server/traced_error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>

namespace dspy::server::scoring {
namespace {

using llama::Token;

std::vector<Token> tokens_of(const LocalModel& model, const CompletionsAsked& asked, std::size_t index) {
  if (const auto* const text = std::get_if<std::string>(&asked.prompts[index]))
    return model.tokens_of_text(*text, asked.adds_special);
  const auto& tokens = std::get<std::vector<Token>>(asked.prompts[index]);
  model.require_tokens(tokens, asked.prompts.size() == 1 ? "prompt" : indexed("prompt", index));
  return tokens;
}

/// Everything about one prompt; `n` continuations.
Async<std::vector<Continuation>> continue_one(LocalModel model, std::shared_ptr<const CompletionsAsked> asked,
                                              std::size_t index, std::stop_token stop) {
  Continuation shared{.prompt = tokens_of(model, *asked, index)};
  if (shared.prompt.empty()) wrong("prompt", "has no tokens; give the model some text to continue");
  if (asked->echo) {
    const auto* const text = std::get_if<std::string>(&asked->prompts[index]);
    shared.prompt_text = text != nullptr ? *text : dspy::server::shown(model.model().detokenize(shared.prompt));
  }
  if (asked->echo && asked->logprobs) {
    shared.prompt_logprobs.emplace();
    if (shared.prompt.size() > 1) {
      llama::Scoring work{.prompt = {shared.prompt.front()},
                          .continuation = {shared.prompt.begin() + 1, shared.prompt.end()},
                          .stop = stop};
      shared.prompt_logprobs = (co_await model.engine().score(std::move(work))).tokens;
    }
  }
  const auto logprobs = co_await llama::token_scores(model.engine(), shared.prompt, asked->token_ids, stop);
  for (std::size_t i = 0; i < logprobs.size(); ++i) shared.named.emplace_back(asked->token_ids[i], logprobs[i]);
  llama::Generation work{.prompt = shared.prompt, .sampling = model.sampling_for(asked->sampling), .stop = stop};
  work.sampling.logprobs = asked->logprobs;
  if (!asked->token_ids.empty()) work.sampling.logprobs = asked->logprobs.value_or(0);
  auto replies = co_await model.engine().generate_n(std::move(work), asked->n);
  std::vector<Continuation> out;
  for (auto& reply : replies) {
    out.push_back(shared);
    out.back().reply = std::move(reply);
  }
  co_return out;
}

/// The most that a request reads; each reply has read its prompt.
std::uint64_t prompt_tokens(const LocalModel& model, const CompletionsAsked& asked) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < asked.prompts.size(); ++i) out += tokens_of(model, asked, i).size();
  return out * static_cast<std::uint64_t>(asked.n);
}

std::uint64_t most_written(const LocalModel& model, const CompletionsAsked& asked) {
  const auto most = model.sampling_for(asked.sampling).max_tokens.value_or(model.context_length());
  return asked.prompts.size() * static_cast<std::uint64_t>(asked.n) * static_cast<std::uint64_t>(most);
}

JsonObject head(const CompletionsAsked& asked, const Stamp& stamp) {
  return {{"id", "cmpl-" + stamp.id}, {"object", "text_completion"}, {"created", stamp.time}, {"model", asked.model}};
}

/// The stream of one reply.
class CompletionStream final : public ReplyWriter {
 public:
  CompletionStream(CompletionsAsked asked, Stamp stamp) : asked_(std::move(asked)), stamp_(std::move(stamp)) {}

  std::string begin(const Usage& /*usage*/) override { return {}; }
  std::string event(const StreamEvent& event) override {
    if (event.kind != StreamEvent::Kind::text || event.text.empty()) return {};
    said_.add(event.text);
    return chunk(event.text, nullptr);
  }
  std::string finish(const Reply& reply) override {
    const auto& completion = reply.completion();
    auto out = chunk(said_.rest_of(completion.text), Json(openai::finish_reason_of(completion)));
    if (asked_.wants_usage) {
      auto last = head(asked_, stamp_);
      last["choices"] = JsonArray();
      last["usage"] = openai::usage_of(reply.usage);
      out += sse("", last);
    }
    return out + "data: [DONE]\n\n";
  }
  std::string fail(const Error& error) override {
    return sse("", openai::error_body(error, status_of(error)).get_object()) + "data: [DONE]\n\n";
  }

 private:
  std::string chunk(std::string_view text, Json finish) const {
    auto out = head(asked_, stamp_);
    out["choices"] = JsonArray{
        JsonObject{{"text", text}, {"index", 0}, {"logprobs", nullptr}, {"finish_reason", std::move(finish)}}};
    return sse("", out);
  }

  CompletionsAsked asked_;
  Stamp stamp_;
  Said said_;
};

/// A text without a chat as an LM, so that it streams as any reply does.
class TextLM final : public LM {
 public:
  TextLM(LocalModel model, CompletionsAsked asked, std::shared_ptr<Claim> claim)
      : model_(std::move(model)), asked_(std::move(asked)), claim_(std::move(claim)) {}

  std::string_view model() const noexcept override { return asked_.model; }
  Async<Reply> complete(Request request) override { return stream(std::move(request), {}); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return written(model_, asked_, claim_, std::move(request), std::move(sink));
  }

 private:
  static Async<Reply> written(LocalModel model, CompletionsAsked asked, std::shared_ptr<Claim> claim, Request request,
                              EventSink sink) {
    llama::Generation work{.prompt = tokens_of(model, asked, 0),
                           .sampling = model.sampling_for(asked.sampling),
                           .deadline = request.deadline,
                           .stop = request.stop};
    auto generated = co_await model.engine().generate(std::move(work), std::move(sink));
    const auto usage = generated.usage;
    claim->settle(usage);
    co_return Reply(static_cast<Completion&&>(std::move(generated)), usage);
  }

  LocalModel model_;
  CompletionsAsked asked_;
  std::shared_ptr<Claim> claim_;
};

/// Prompts as a trace shows them; those that are tokens stay numbers.
JsonObject inputs_of(const CompletionsAsked& asked) {
  JsonArray prompts;
  for (const auto& prompt : asked.prompts) {
    if (const auto* const text = std::get_if<std::string>(&prompt)) {
      prompts.emplace_back(*text);
    } else {
      const auto& tokens = std::get<std::vector<Token>>(prompt);
      prompts.emplace_back(JsonArray(tokens.begin(), tokens.end()));
    }
  }
  if (prompts.size() == 1) return {{"prompt", prompts.front()}};
  return {{"prompt", std::move(prompts)}};
}

/// The same as a request, for its trace.
Request request_of(const CompletionsAsked& asked) {
  Request out{.sampling = asked.sampling, .n = asked.n};
  for (const auto& prompt : asked.prompts) {
    const auto* const text = std::get_if<std::string>(&prompt);
    out.messages.push_back(Message(Role::user, text != nullptr ? *text : to_text(inputs_of(asked).at("prompt"))));
  }
  return out;
}

AskingProtocol streaming(const CompletionsAsked& asked) {
  return {.read = {}, .write = {}, .stream = [asked](const Asked&, const Stamp& stamp) -> std::unique_ptr<ReplyWriter> {
            return std::make_unique<CompletionStream>(asked, stamp);
          }};
}

}  // namespace

Async<HttpResponse> complete(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  auto asked = std::make_shared<CompletionsAsked>(read_completions(json_body(request)));
  validate(asked->sampling);
  if (gateway->may_use(request.caller, asked->model) && gateway->catalog().program(asked->model))
    throw Error(Errc::unsupported, "programs do not accept plain text; call them at /v1/chat/completions",
                {.feature = "model"});
  const LocalModel model(*gateway->model(request.caller, asked->model));
  model.require_tokens(asked->token_ids, "logprob_token_ids");
  auto claim = std::make_shared<Claim>(gateway->charge(request.caller), model.lm_name(), prompt_tokens(model, *asked),
                                       most_written(model, *asked));
  auto stamp = Stamp::now();
  stamp.trace_id = random_id();
  const auto trace = gateway->trace(request.caller, asked->model, "", stamp);
  if (asked->is_stream) {
    Asked shape{.model = asked->model, .request = request_of(*asked), .is_stream = true};
    shape.request.deadline = request.deadline;
    shape.request.trace_context = remote_parent_of(request);
    std::shared_ptr<LM> lm = std::make_shared<TextLM>(model, *asked, std::move(claim));
    lm = server::traced(std::move(lm), trace);
    co_return co_await stream_from(std::move(lm), std::move(shape),
                                   std::make_shared<const AskingProtocol>(streaming(*asked)), std::move(request),
                                   std::move(stamp));
  }
  ModelCall call(trace, inputs_of(*asked), remote_parent_of(request));
  ModelAttempt attempt(trace, call.id(), asked->model, request_of(*asked));
  std::vector<Async<std::vector<Continuation>>> works;
  for (std::size_t i = 0; i < asked->prompts.size(); ++i) works.push_back(continue_one(model, asked, i, request.stop));
  std::vector<std::vector<Continuation>> all;
  try {
    all = co_await when_all(std::move(works));
  } catch (const Error& error) {
    attempt.end(error);
    call.end(error);
    throw with_trace(error, stamp.trace_id);
  }
  auto body = head(*asked, stamp);
  auto& choices = body["choices"].emplace_array();
  Usage usage;
  Reply said;
  for (const auto& group : all) {
    for (const auto& each : group) {
      said.completions.push_back(static_cast<const Completion&>(each.reply));
      choices.push_back(choice_of(each, *asked, model.model(), choices.size()));
      usage += each.reply.usage;
    }
  }
  body["usage"] = openai::usage_of(usage);
  claim->settle(usage);
  said.usage = usage;
  attempt.end(said);
  call.end(outputs_of(said), usage);
  auto out = json_response(body);
  out.headers.set("x-request-id", stamp.id);
  tell_trace(out, stamp);
  co_return out;
}

Async<HttpResponse> tokenize(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  const auto object = json_body(request);
  Members body(object);
  const LocalModel model(*gateway->model(request.caller, body.required_text("model")));
  co_return json_response(tokenize(model, body));
}

Async<HttpResponse> detokenize(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  const auto object = json_body(request);
  Members body(object);
  const LocalModel model(*gateway->model(request.caller, body.required_text("model")));
  co_return json_response(detokenize(model, body));
}

Async<HttpResponse> count_tokens(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  const auto asked = anthropic::read_count(json_body(request));
  const LocalModel model(*gateway->model(request.caller, asked.model));
  co_return json_response(JsonObject{{"input_tokens", model.tokens_of(asked.request).size()}});
}

}  // namespace dspy::server::scoring
