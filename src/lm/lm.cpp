#include "dspy/lm/lm.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "lm/uri.hpp"

#include <algorithm>
#include <format>
#include <mutex>
#include <vector>

namespace dspy {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<std::pair<std::string, LMFactory>> schemes;
};

// Inside a function, since initialisers of other files use it before `main`.
Registry& registry() {
  static Registry schemes;
  return schemes;
}

[[noreturn]] void unknown_scheme(const std::string& scheme, std::vector<std::string> known) {
  std::ranges::sort(known);
  auto message = std::format("no part of this program offers language models of the scheme `{}`", scheme);
  if (const auto near = text::nearest(scheme, known)) message += std::format("; did you mean `{}`?", *near);
  message += known.empty() ? "; none is linked in: link dspy::llama for `llama:`"
                           : std::format("; there is {}", text::enumerate(known, "`", "and"));
  throw Error(Errc::config_error, message);
}

}  // namespace

Async<Reply> LM::stream(Request request, EventSink sink) {
  auto reply = co_await complete(std::move(request));
  if (sink) {
    auto before_text = reply.usage;
    before_text.completion_tokens = 0;
    sink({.kind = StreamEvent::Kind::prompt_done, .text = {}, .usage = before_text});
    if (!reply.text.empty()) sink({.kind = StreamEvent::Kind::text, .text = reply.text, .usage = reply.usage});
  }
  co_return reply;
}

std::shared_ptr<LM> lm(std::string_view uri) {
  const auto parts = parse_lm_uri(uri);
  LMFactory factory = nullptr;
  {
    auto& [mutex, schemes] = registry();
    const std::lock_guard lock(mutex);
    const auto found = std::ranges::find(schemes, parts.scheme, &std::pair<std::string, LMFactory>::first);
    if (found != schemes.end()) {
      factory = found->second;
    } else {
      std::vector<std::string> known;
      known.reserve(schemes.size());
      for (const auto& [scheme, unused] : schemes) known.push_back(scheme);
      unknown_scheme(parts.scheme, std::move(known));
    }
  }
  return factory(parts);
}

bool register_lm_scheme(std::string_view scheme, LMFactory factory) {
  auto& [mutex, schemes] = registry();
  const std::lock_guard lock(mutex);
  const auto found = std::ranges::find(schemes, scheme, &std::pair<std::string, LMFactory>::first);
  if (found != schemes.end()) {
    found->second = factory;
  } else {
    schemes.emplace_back(text::to_lower(scheme), factory);
  }
  return true;
}

}  // namespace dspy
