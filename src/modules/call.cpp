#include "modules/call.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
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

/// At least the temperature at which a value is written again.
constexpr double lively = 0.7;

/// Where to go on from to mend a reply: the value of the first output that is wrong, and what it is called.
std::optional<std::pair<std::string, std::size_t>> place_to_mend(const Reply& reply, const Unreadable& unreadable) {
  for (const auto& start : reply.resume_points) {
    if (start.second <= reply.text.size() &&
        std::ranges::contains(unreadable.invalid, start.first, &Unreadable::Invalid::field))
      return start;
  }
  return std::nullopt;
}

/// Has the value that begins at `start` written again.
void rewrite(Request& next, std::string_view reply, const std::pair<std::string, std::size_t>& start,
             int rewrites_left) {
  next.begins_with = reply.substr(0, start.second);
  auto& sampling = next.sampling;
  const auto own = sampling.field_temperatures.find(start.first);
  const auto usual = own != sampling.field_temperatures.end() ? own->second : sampling.temperature.value_or(lively);
  sampling.field_temperatures[start.first] = std::max(usual, lively);
  // Always a seed, as the LM may have one of its own: not what was drawn before, and the same again in another run.
  sampling.seed = sampling.seed.value_or(0) + 0x9E3779B97F4A7C15ULL * (static_cast<std::uint64_t>(rewrites_left) + 1);
}

/// Shows the model its last reply and what was wrong with it.
void ask_again(Chat& messages, const Unreadable& unreadable) {
  messages.push_back({Role::assistant, std::string(start_of(unreadable.raw))});
  messages.push_back({Role::user, std::format("That reply cannot be used: {}. Write the whole reply again, in the form "
                                              "that was asked for.",
                                              unreadable.complaint())});
}

/// One stream of events over all attempts: what an attempt handed out is taken back before the next.
class AttemptSink {
 public:
  explicit AttemptSink(const FieldSink* sink) : sink_(sink) {}

  void operator()(const FieldEvent& event) {
    if (std::ranges::find(handed_out_, event.field) == handed_out_.end()) handed_out_.emplace_back(event.field);
    (*sink_)(event);
  }

  bool has_handed_out() const noexcept { return !handed_out_.empty(); }

  void begin_anew() {
    for (const auto& field : handed_out_) (*sink_)({.field = field, .restart = true});
    handed_out_.clear();
  }

 private:
  const FieldSink* sink_;
  std::vector<std::string> handed_out_;
};

/// A flag on the whole reply, once.
void note(Prediction& prediction, std::string_view liberty) {
  Flag flag{.field = {}, .liberty = std::string(liberty)};
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
  out.flags.push_back({.field = {}, .liberty = "accepted"});
  for (const auto& field : signature.outputs) {
    if (auto* const value = unreadable.partial.if_contains(field.name)) {
      out.outputs.emplace(field.name, std::move(*value));
      continue;
    }
    const auto broken = std::ranges::find(unreadable.invalid, field.name, &Unreadable::Invalid::field);
    if (broken == unreadable.invalid.end()) {
      const bool is_missing = std::ranges::contains(unreadable.missing, field.name);
      if (is_missing) out.flags.push_back({.field = field.name, .liberty = "missing"});
      if (!is_missing) out.outputs.emplace(field.name, field.default_value.value_or(nullptr));
    } else if (broken->value) {
      out.outputs.emplace(field.name, *std::move(broken->value));
      out.flags.push_back({.field = field.name, .liberty = "broken_limit"});
    } else {
      out.flags.push_back({.field = field.name, .liberty = "unreadable"});
    }
  }
  return out;
}

}  // namespace

Async<void> run_call(Call call, JsonObject inputs, Prediction& prediction, std::optional<Chat> prompt) {
  const auto& [lm, adapter, exchange, signature, demos, own_sampling, policy, options, sink] = call;
  const auto sampling = options.sampling.over(own_sampling);
  const auto request = [&](const Exchange& from, const JsonObject& values, std::span<const Example> history) {
    auto messages = prompt ? *std::exchange(prompt, std::nullopt) : from.format(values, history);
    return Request{.messages = std::move(messages),
                   .sampling = sampling,
                   .contract = from.contract(),
                   .deadline = options.deadline,
                   .stop = options.stop};
  };

  AttemptSink events(sink);
  auto asked = adapter;
  auto first = exchange;
  int again = policy.ask_again;
  int rewrites = policy.rewrite;
  while (true) {  // once for the adapter, and once for its fallback
    // A step before, if the adapter has one: its text is what the outputs are taken from.
    auto current = first;
    auto target = lm;
    std::span<const Example> history = options.history.turns;
    JsonObject draft;
    if (const auto* const extraction = first->extraction()) {
      auto reply = co_await lm->complete(request(*first, inputs, history));
      prediction.lm_usage += reply.usage;
      prediction.draft = reply.text;
      draft.emplace(extraction->input, std::move(reply.text));
      current = extraction->exchange;
      if (extraction->lm) target = extraction->lm;
      history = {};
    }
    const auto& values = current == first ? inputs : draft;

    auto next = request(*current, values, history);
    std::optional<Unreadable> complaint;  // what the model was told in asking again
    while (true) {
      Reply reply;
      if (sink == nullptr) {
        reply = co_await target->complete(std::move(next));
      } else {
        const auto fields = current->open_stream();
        const FieldSink forward = [&](const FieldEvent& event) { events(event); };
        reply = co_await target->stream(std::move(next), [&](const StreamEvent& event) {
          if (event.kind == StreamEvent::Kind::text) fields->push(event.text, forward);
        });
        fields->finish(forward);
      }
      prediction.lm_usage += reply.usage;
      prediction.unheld = std::move(reply.unheld);
      const bool was_cut = reply.finish == FinishReason::length;

      auto reading = current->parse(reply.text);
      const bool is_kept = policy.streamed == CallPolicy::Streamed::keep && events.has_handed_out();
      const auto mending = !reading && rewrites > 0 && !is_kept && target->continues()
                               ? place_to_mend(reply, reading.error())
                               : std::nullopt;
      const bool was_last = again == 0 && (policy.fallback == nullptr || asked == policy.fallback);
      const bool is_last = is_kept || (!mending && was_last);
      if (!reading && is_last && policy.finally == CallPolicy::Finally::accept) {
        prediction.failures.push_back(failed(*asked, reply.text, reading.error()));
        prediction.violations = prediction.failures.back().violations;
        reading = accepted(*signature, std::move(reading.error()));
      }
      if (reading) {
        prediction.data = std::move(reading->outputs);
        std::ranges::move(reading->flags, std::back_inserter(prediction.flags));
        for (auto& name : reply.closed_early) prediction.flags.push_back({std::move(name), "closed_early"});
        for (auto& name : reply.loop_ended) prediction.flags.push_back({std::move(name), "loop_ended"});
        if (was_cut) note(prediction, "cut_at_max_tokens");
        for (const auto& field : signature->outputs) {
          if (const auto likely = reply.probability(field.name)) prediction.probabilities.emplace(field.name, *likely);
        }
        prediction.completion = std::move(reply.text);
        prediction.adapter = asked->name();
        co_return;
      }
      if (is_last) {
        const auto error = to_error(reading.error());
        auto info = error.info();
        info.unheld = std::move(prediction.unheld);
        const bool is_kept_from_asking = is_kept && !was_last;
        throw Error(error.code(),
                    is_kept_from_asking
                        ? std::format("{}; it was not asked for again, since part of the reply had been "
                                      "streamed (`CallPolicy::streamed`)",
                                      error.what())
                        : std::string(error.what()),
                    std::move(info));
      }
      prediction.failures.push_back(failed(*asked, reply.text, reading.error()));
      if (sink != nullptr) events.begin_anew();
      if (!mending && again == 0) break;
      if (!mending) {
        --again;
        note(prediction, "asked_again");
        complaint = std::move(reading.error());
      }
      next = request(*current, values, history);
      if (complaint) ask_again(next.messages, *complaint);
      if (mending) {
        note(prediction, "rewritten");
        rewrite(next, reply.text, *mending, --rewrites);
      }
    }
    asked = policy.fallback;
    first = asked->prepare(signature, demos);
    note(prediction, "fallback");
  }
}

}  // namespace dspy
