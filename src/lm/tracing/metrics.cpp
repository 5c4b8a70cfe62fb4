#include "dspy/lm/tracing/metrics.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/version.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <functional>

namespace dspy {
namespace {

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name(std::string_view name, bool is_label) noexcept {
  if (name.empty() || !(is_letter(name[0]) || (!is_label && name[0] == ':'))) return false;
  return std::ranges::all_of(name,
                             [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || (!is_label && c == ':'); });
}

std::string escaped(std::string_view text, bool is_label) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_label) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string written(const Metrics::Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels)
    out += std::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escaped(value, true));
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return std::format("{}", value);
}

std::string in_braces(std::string_view labels, std::string_view more = "") {
  if (labels.empty() && more.empty()) return {};
  return std::format("{{{}{}{}}}", labels, labels.empty() || more.empty() ? "" : ",", more);
}

double dollars(std::int64_t nanodollars) noexcept {
  return static_cast<double>(nanodollars) / 1e9;
}

}  // namespace

void Metrics::describe_counter(std::string name, std::string help) {
  describe(std::move(name), {.kind = Kind::counter, .help = std::move(help), .bounds = {}, .series = {}});
}

void Metrics::describe_gauge(std::string name, std::string help) {
  describe(std::move(name), {.kind = Kind::gauge, .help = std::move(help), .bounds = {}, .series = {}});
}

void Metrics::describe_histogram(std::string name, std::string help, std::vector<double> bounds) {
  if (std::ranges::adjacent_find(bounds, std::greater_equal()) != bounds.end())
    throw Error(Errc::invalid_parameter, std::format("the buckets of `{}` must rise", name));
  describe(std::move(name),
           {.kind = Kind::histogram, .help = std::move(help), .bounds = std::move(bounds), .series = {}});
}

void Metrics::describe(std::string name, Family family) {
  if (!is_name(name, false))
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is not a name of a metric: letters, digits and `_`, a letter first", name));
  const auto kind = family.kind;
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = families_.try_emplace(std::move(name), std::move(family));
  if (!is_new && at->second.kind != kind)
    throw Error(Errc::invalid_parameter, std::format("the metric `{}` is of another kind already", at->first));
}

Metrics::Series& Metrics::series(std::string_view name, Kind kind, const Labels& labels) {
  const auto family = families_.find(name);
  if (family == families_.end() || family->second.kind != kind)
    throw Error(Errc::invalid_parameter, std::format("the metric `{}` was not described as one of this kind", name));
  auto& all = family->second.series;
  auto key = written(labels);
  if (const auto found = all.find(key); found != all.end()) return found->second;
  for (const auto& [label, unused] : labels) {
    if (!is_name(label, true))
      throw Error(Errc::invalid_parameter, std::format("`{}` is not a name of a label", label));
  }
  auto kept = labels;
  if (all.size() >= max_series_) {
    for (auto& [unused, value] : kept) value = "other";
    key = written(kept);
  }
  auto& out = all[key];
  out.labels = std::move(kept);
  out.buckets.resize(family->second.bounds.size());
  return out;
}

void Metrics::count(std::string_view name, const Labels& labels, double by) {
  const std::lock_guard lock(mutex_);
  series(name, Kind::counter, labels).value += by;
}

void Metrics::set(std::string_view name, const Labels& labels, double value) {
  const std::lock_guard lock(mutex_);
  series(name, Kind::gauge, labels).value = value;
}

void Metrics::observe(std::string_view name, const Labels& labels, double value) {
  const std::lock_guard lock(mutex_);
  auto& out = series(name, Kind::histogram, labels);
  const auto& bounds = families_.find(name)->second.bounds;
  const auto at = static_cast<std::size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin());
  if (at < out.buckets.size()) ++out.buckets[at];
  ++out.count;
  out.value += value;
}

void Metrics::watch(std::string_view name, const Labels& labels, std::function<double()> value) {
  const std::lock_guard lock(mutex_);
  series(name, Kind::gauge, labels).watched = std::move(value);
}

std::string Metrics::text() const {
  // A gauge that is watched may use these metrics itself, so it is asked without the lock.
  const auto families = [this] {
    const std::lock_guard lock(mutex_);
    return families_;
  }();
  std::string out;
  for (const auto& [name, family] : families) {
    constexpr auto kinds = std::to_array<std::string_view>({"counter", "gauge", "histogram"});
    out += std::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(family.help, false), name,
                       kinds[static_cast<std::size_t>(family.kind)]);
    for (const auto& [labels, series] : family.series) {
      if (family.kind != Kind::histogram) {
        out +=
            std::format("{}{} {}\n", name, in_braces(labels), number(series.watched ? series.watched() : series.value));
        continue;
      }
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < family.bounds.size(); ++i) {
        below += series.buckets[i];
        out += std::format("{}_bucket{} {}\n", name,
                           in_braces(labels, std::format("le=\"{}\"", number(family.bounds[i]))), below);
      }
      out += std::format("{}_bucket{} {}\n", name, in_braces(labels, "le=\"+Inf\""), series.count);
      out += std::format("{}_sum{} {}\n{}_count{} {}\n", name, in_braces(labels), number(series.value), name,
                         in_braces(labels), series.count);
    }
  }
  return out;
}

std::vector<double> doublings(double first, int count) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) out.push_back(std::ldexp(first, i));
  return out;
}

namespace {

/// What was waited for, and asked again.
void count_waits(Metrics& m, const Handling& handling, const std::string& model) {
  std::chrono::nanoseconds waited = {};
  const Attempt* before = nullptr;
  for (const auto& each : handling.attempts) {
    waited += each.waited;
    if (before != nullptr && before->lm == each.lm && before->error)
      m.count("dspy_lm_retries_total", {{"model", each.lm}, {"error", std::string(to_string(*before->error))}});
    if (each.error == Errc::stream_broken) m.count("dspy_lm_stream_truncated_total", {{"model", each.lm}});
    before = &each;
  }
  m.observe("dspy_lm_wait_seconds", {{"model", model}}, std::chrono::duration<double>(waited).count());
}

void count_reply(Metrics& m, const Reply& reply, const std::string& model) {
  for (const auto& each : reply.completions)
    m.count("dspy_lm_finish_total", {{"model", model}, {"reason", std::string(to_string(each.finish))}});
  for (const auto& each : reply.adaptations)
    m.count("dspy_lm_adaptations_total", {{"field", each.field}, {"action", std::string(to_string(each.action))}});
  if (const auto& saved = reply.handling->saved_usage; saved && saved->cost_nanodollars)
    m.count("dspy_lm_saved_usd_total", {{"model", model}}, dollars(*saved->cost_nanodollars));
}

}  // namespace

MetricsTrace::MetricsTrace(std::shared_ptr<Metrics> metrics) : metrics_(std::move(metrics)) {
  if (!metrics_) throw Error(Errc::config_error, "there are no metrics to count into; make a `Metrics`");
  auto& m = *metrics_;
  m.describe_counter("dspy_calls_total", "Calls of predictors, by outcome.");
  m.describe_counter("dspy_tool_calls_total", "Tool calls by agents, by outcome.");
  m.describe_counter("dspy_lm_requests_total", "Requests to language models, by outcome.");
  m.describe_counter("dspy_lm_attempts_total", "Attempts, including retries and fallbacks, by error.");
  m.describe_counter("dspy_lm_fallbacks_total", "Replies from a model other than the first choice.");
  m.describe_counter("dspy_lm_cache_requests_total", "Replies by source: a tier of the cache, or the model.");
  m.describe_counter("dspy_lm_tokens_total", "Tokens of prompts and replies.");
  m.describe_counter("dspy_lm_cost_usd_total", "What requests cost, in US dollars.");
  m.describe_counter("dspy_lm_cost_unknown_total", "Requests whose cost is unknown.");
  m.describe_counter("dspy_lm_retries_total", "Requests made again to the same model, by the error before.");
  m.describe_counter("dspy_lm_stream_truncated_total", "Streams that ended before their reply did.");
  m.describe_counter("dspy_lm_finish_total", "Completions, by how they ended.");
  m.describe_counter("dspy_lm_adaptations_total", "Fields of requests that were not sent as asked, by action.");
  m.describe_counter("dspy_lm_saved_usd_total", "What replies from the cache cost when they were written.");
  m.describe_gauge("dspy_lm_inflight", "Requests under way.");
  m.describe_gauge("dspy_build_info", "The library's version.");
  m.describe_histogram("dspy_lm_wait_seconds", "How long requests waited for limits and between attempts.",
                       doublings(0.01, 15));
  m.set("dspy_build_info", {{"version", std::string(version())}}, 1);
  m.describe_histogram("dspy_lm_request_duration_seconds", "How long requests took.", doublings(0.01, 15));
  m.set("dspy_lm_inflight", {}, 0);
}

void MetricsTrace::begin(const Span& span) {
  if (span.kind != Span::Kind::attempt) return;
  const std::lock_guard lock(mutex_);
  metrics_->set("dspy_lm_inflight", {}, ++in_flight_);
}

void MetricsTrace::end(const Span& span) {
  const auto done = attempt([&] {
    const std::string outcome(span.error != nullptr ? to_string(span.error->code()) : "ok");
    if (span.kind == Span::Kind::call) {
      metrics_->count("dspy_calls_total", {{"path", std::string(span.path)}, {"outcome", outcome}});
    } else if (span.kind == Span::Kind::tool) {
      metrics_->count("dspy_tool_calls_total",
                      {{"tool", std::string(span.path.substr(span.path.rfind('.') + 1))}, {"outcome", outcome}});
    } else if (span.kind == Span::Kind::attempt) {
      count_attempt(span);
    }
  });
  if (!done) log(LogLevel::warning, "trace", done.error().what());
}

void MetricsTrace::count_attempt(const Span& span) {
  {
    const std::lock_guard lock(mutex_);
    metrics_->set("dspy_lm_inflight", {}, --in_flight_);
  }
  auto& m = *metrics_;
  const std::string model(span.lm);
  const std::string outcome(span.error != nullptr ? to_string(span.error->code()) : "ok");
  m.count("dspy_lm_requests_total", {{"model", model}, {"outcome", outcome}});
  m.observe("dspy_lm_request_duration_seconds", {{"model", model}}, std::chrono::duration<double>(span.time).count());
  const auto& handling = span.reply != nullptr ? *span.reply->handling : Handling();
  if (handling.attempts.empty() && handling.source == ReplySource::model)
    m.count("dspy_lm_attempts_total", {{"model", model}, {"error", span.error != nullptr ? outcome : "none"}});
  for (const auto& each : handling.attempts)
    m.count("dspy_lm_attempts_total",
            {{"model", each.lm}, {"error", each.error ? std::string(to_string(*each.error)) : "none"}});
  count_waits(m, handling, model);
  if (span.reply != nullptr) count_reply(m, *span.reply, model);
  const bool is_truncated = span.error != nullptr && span.error->code() == Errc::stream_broken;
  if (is_truncated) m.count("dspy_lm_stream_truncated_total", {{"model", model}});
  if (span.reply != nullptr)
    m.count("dspy_lm_cache_requests_total", {{"source", std::string(to_string(handling.source))}});
  if (!handling.attempts.empty() && handling.attempts.back().lm != handling.attempts.front().lm)
    m.count("dspy_lm_fallbacks_total", {{"from", handling.attempts.front().lm}, {"to", handling.attempts.back().lm}});
  const auto& usage = span.reply != nullptr   ? span.reply->usage
                      : span.error != nullptr ? span.error->info().usage
                                              : Usage();
  const auto count_tokens = [&](const char* type, const Usage::Count& tokens) {
    if (tokens) m.count("dspy_lm_tokens_total", {{"model", model}, {"type", type}}, static_cast<double>(*tokens));
  };
  count_tokens("prompt", usage.prompt_tokens);
  count_tokens("completion", usage.completion_tokens);
  count_tokens("cache_read", usage.cache_read_tokens);
  count_tokens("reasoning", usage.reasoning_tokens);
  if (usage.cost_nanodollars) {
    m.count("dspy_lm_cost_usd_total", {{"model", model}}, dollars(*usage.cost_nanodollars));
  } else if (usage.requests != 0) {
    m.count("dspy_lm_cost_unknown_total", {{"model", model}});
  }
}

}  // namespace dspy
