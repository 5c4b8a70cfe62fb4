#include "modules/call_machine.hpp"

#include "adapters/reading/streamed_reply.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// How much of its own reply a model is shown.
constexpr std::size_t longest_shown_reply = 8192;

std::string_view start_of(std::string_view text) noexcept {
  if (text.size() <= longest_shown_reply) return text;
  auto end = longest_shown_reply;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

/// As many as `Sampling::logprobs` allows.
constexpr int most_logprobs = 100;

/// At least the temperature at which a value is written again.
constexpr double lively = 0.7;

/// Where to continue from to repair a reply: the value of the first invalid output.
const ResumePoint* place_to_mend(const Completion& completion, const Unreadable& unreadable) {
  const auto found = std::ranges::find_if(completion.resume_points, [&](const ResumePoint& point) {
    return point.offset <= completion.text.size() &&
           std::ranges::contains(unreadable.invalid, point.field, &Unreadable::Invalid::field);
  });
  return found == completion.resume_points.end() ? nullptr : &*found;
}

/// Makes `next` the request to rewrite the value that begins at `start`.
void rewrite(Request& next, const Completion& completion, const ResumePoint& start, int rewrites_left) {
  next.prefill = {.reasoning = completion.reasoning, .text = completion.text.substr(0, start.offset)};
  auto& sampling = next.sampling;
  const auto own = sampling.field_temperatures.find(start.field);
  const auto usual = own != sampling.field_temperatures.end() ? own->second : sampling.temperature.value_or(lively);
  sampling.field_temperatures[start.field] = std::max(usual, lively);
  // Always a seed, since the LM may have one of its own: a new draw, but the same one in every run.
  sampling.seed = sampling.seed.value_or(0) + 0x9E3779B97F4A7C15ULL * (static_cast<std::uint64_t>(rewrites_left) + 1);
}

/// Shows the model its last reply and what was wrong with it.
void ask_again(Chat& messages, const Unreadable& unreadable) {
  messages.push_back({Role::assistant, std::string(start_of(unreadable.raw))});
  messages.push_back({Role::user, std::format("That reply cannot be used: {}. Write the whole reply again, in the form "
                                              "that was asked for.",
                                              unreadable.complaint())});
}

/// Flags the whole reply, at most once.
void note(Prediction& prediction, std::string_view repair) {
  Flag flag{.field = {}, .repair = std::string(repair)};
  if (!std::ranges::contains(prediction.flags, flag)) prediction.flags.push_back(std::move(flag));
}

FailedReply failed(const Adapter& adapter, std::string completion, const Unreadable& unreadable) {
  return {.adapter = std::string(adapter.name()),
          .completion = std::move(completion),
          .reason = unreadable.complaint(),
          .violations = unreadable.violations()};
}

/// The outputs in the signature's order, with values that break only a limit, each with a flag.
Reading accepted(const Signature& signature, Unreadable unreadable) {
  Reading out{.outputs = {}, .flags = std::move(unreadable.flags)};
  out.flags.push_back({.field = {}, .repair = "accepted"});
  for (const auto& field : signature.outputs) {
    if (auto* const value = unreadable.partial.if_contains(field.name)) {
      out.outputs.emplace(field.name, std::move(*value));
      continue;
    }
    const auto broken = std::ranges::find(unreadable.invalid, field.name, &Unreadable::Invalid::field);
    if (broken == unreadable.invalid.end()) {
      const bool is_missing = std::ranges::contains(unreadable.missing, field.name);
      if (is_missing) out.flags.push_back({.field = field.name, .repair = "missing"});
      if (!is_missing) out.outputs.emplace(field.name, field.default_value.value_or(nullptr));
    } else if (broken->value) {
      out.outputs.emplace(field.name, *std::move(broken->value));
      out.flags.push_back({.field = field.name, .repair = "broken_limit"});
    } else {
      out.flags.push_back({.field = field.name, .repair = "unreadable"});
    }
  }
  return out;
}

std::optional<std::chrono::steady_clock::time_point> earlier(
    const std::optional<std::chrono::steady_clock::time_point>& a,
    const std::optional<std::chrono::steady_clock::time_point>& b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

}  // namespace

CallMachine::CallMachine(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt)
    : call_(std::move(call)),
      inputs_(std::move(inputs)),
      prediction_(prediction),
      sampling_(call_.options.sampling.over(call_.sampling)),
      prompt_(std::move(prompt)),
      again_(call_.policy.ask_again),
      rewrites_(call_.policy.rewrite) {
  stop_ = call_.context != nullptr ? join(call_.options.stop, call_.context->stop)
                                   : JoinedStop{.token = call_.options.stop};
  asked_ = call_.adapter;
  if (call_.decisions != nullptr) {
    sampling_.logprobs = most_logprobs;
    for (const auto& [name, settings] : *call_.decisions) sampling_.field_temperatures[name] = 0;
  }
  begin(call_.exchange);
}

void CallMachine::begin(std::shared_ptr<const Exchange> exchange) {
  first_ = std::move(exchange);
  current_ = first_->extraction() == nullptr ? first_ : nullptr;
  target_ = call_.lm;
  complaint_.reset();
}

LM& CallMachine::lm() const noexcept {
  return *target_;
}

const Exchange* CallMachine::exchange() const noexcept {
  return current_.get();
}

Request CallMachine::request(const Exchange& from, const JsonObject& values, std::span<const Example> history) {
  Request out;
  out.messages = prompt_ ? *std::exchange(prompt_, std::nullopt) : from.format(values, history);
  out.sampling = sampling_;
  out.contract = from.contract();
  out.deadline =
      call_.context != nullptr ? earlier(call_.options.deadline, call_.context->deadline) : call_.options.deadline;
  out.stop = stop_.token;
  out.pace = call_.options.pace;
  return out;
}

Request CallMachine::next_request() {
  const std::span<const Example> history = call_.options.history.turns;
  if (!current_) return request(*first_, inputs_, history);
  const bool is_second = current_ != first_;
  auto next = is_second ? request(*current_, draft_, {}) : request(*current_, inputs_, history);
  if (complaint_) ask_again(next.messages, *complaint_);
  if (rewrite_) {
    next.prefill = std::move(rewrite_->prefill);
    next.sampling = std::move(rewrite_->sampling);
    rewrite_.reset();
  }
  if (call_.decisions != nullptr) asked_request_ = next;
  return next;
}

void CallMachine::accept_draft(Completion& draft) {
  const auto& extraction = *first_->extraction();
  if (draft.finish == FinishReason::length) note(prediction_, "draft_cut_at_max_tokens");
  prediction_.draft = draft.text;
  draft_ = {{extraction.input, std::move(draft.text)}};
  current_ = extraction.exchange;
  if (extraction.lm) target_ = extraction.lm;
}

void CallMachine::accept(Reply reply, bool has_handed_out, FieldStream* stream) {
  prediction_.lm_usage += reply.usage;
  auto& completion = reply.completion();
  if (!current_) return accept_draft(completion);
  prediction_.unenforced = std::move(completion.unenforced);

  auto reading = parse_streamed(*current_, stream, completion);
  if (reading) return finish(completion, *std::move(reading));
  if (!completion.refusal.empty()) return decline(completion);
  auto& unreadable = reading.error();
  const auto& policy = call_.policy;
  const bool is_kept = policy.streamed == CallPolicy::Streamed::keep && has_handed_out;
  const auto* const mending =
      rewrites_ > 0 && !is_kept && target_->capabilities().prefill ? place_to_mend(completion, unreadable) : nullptr;
  const bool was_last = again_ == 0 && (policy.fallback == nullptr || asked_ == policy.fallback);
  const bool is_last = is_kept || (mending == nullptr && was_last);
  if (is_last && policy.finally != CallPolicy::Finally::accept) return fail(unreadable, is_kept && !was_last);

  prediction_.failures.push_back(failed(*asked_, completion.text, unreadable));
  if (is_last) {
    prediction_.violations = prediction_.failures.back().violations;
    return finish(completion, accepted(*call_.signature, std::move(unreadable)));
  }
  if (mending != nullptr) {
    note(prediction_, "rewritten");
    rewrite_.emplace().sampling = sampling_;
    rewrite(*rewrite_, completion, *mending, --rewrites_);
  } else if (again_ > 0) {
    --again_;
    note(prediction_, "asked_again");
    complaint_ = std::move(unreadable);
  } else {
    asked_ = policy.fallback;
    begin(asked_->prepare(call_.signature, call_.demos));
    note(prediction_, "fallback");
  }
}

void CallMachine::finish(Completion& completion, Reading reading) {
  auto& out = prediction_;
  out.data = std::move(reading.outputs);
  std::ranges::move(reading.flags, std::back_inserter(out.flags));
  for (auto& name : completion.closed_early) out.flags.push_back({std::move(name), "closed_early"});
  for (auto& name : completion.loop_ended) out.flags.push_back({std::move(name), "loop_ended"});
  if (completion.finish == FinishReason::length) note(out, "cut_at_max_tokens");
  if (completion.finish == FinishReason::content_filter) note(out, "cut_by_content_filter");
  if (!completion.logprobs.empty()) {
    for (const auto& field : call_.signature->outputs) {
      if (const auto likely = completion.probability(field.name)) out.probabilities.emplace(field.name, *likely);
    }
  }
  if (call_.decisions != nullptr) accepted_ = completion;
  out.completion = std::move(completion.text);
  out.reasoning = std::move(completion.reasoning);
  out.adapter = asked_->name();
  state_ = State::done;
}

/// A model that declined is not asked again.
void CallMachine::decline(const Completion& completion) {
  error_.emplace(
      Errc::refused,
      std::format("the model declined: \"{}\"; rephrase the question, or use another model", completion.refusal),
      ErrorInfo{.unenforced = prediction_.unenforced, .usage = prediction_.lm_usage, .raw = completion.refusal});
  state_ = State::failed;
}

void CallMachine::fail(const Unreadable& unreadable, bool is_kept_from_asking) {
  const auto error = to_error(unreadable);
  auto info = error.info();
  info.unenforced = std::move(prediction_.unenforced);
  info.usage = prediction_.lm_usage;
  error_.emplace(error.code(),
                 is_kept_from_asking ? std::format("{}; there was no second request, because part of the reply had "
                                                   "already been streamed (`CallPolicy::streamed`)",
                                                   error.what())
                                     : std::string(error.what()),
                 std::move(info));
  state_ = State::failed;
}

Error CallMachine::with_usage(const Error& error) const {
  if (prediction_.lm_usage.requests == 0) return error;
  auto info = error.info();
  info.usage += prediction_.lm_usage;
  return {error.code(), error.what(), std::move(info)};
}

}  // namespace dspy
