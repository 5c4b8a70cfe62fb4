#include "dspy/lm/middleware/cache_warming.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/lm/tracing/redactor.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// Looks like the LM that will be asked, and answers with a reply that is known.  So replies get into the cache on the
/// same way as those of the LM.
class Recorded final : public LM {
 public:
  explicit Recorded(const LM& lm) : model_(lm.model()), fingerprint_(lm.fingerprint()) {}

  std::string_view model() const noexcept override { return model_; }
  std::string fingerprint() const override { return fingerprint_; }
  Async<Reply> complete(Request /*request*/) override { return give(*std::exchange(next_, std::nullopt)); }

  void next(Reply reply) { next_ = std::move(reply); }

 private:
  static Async<Reply> give(Reply reply) { co_return reply; }

  std::string model_, fingerprint_;
  std::optional<Reply> next_;
};

struct Exchange {
  Request request;
  Reply reply;
};

const JsonObject* object_in(const JsonObject& line, std::string_view name) {
  const auto* const found = line.if_contains(name);
  return found != nullptr ? found->if_object() : nullptr;
}

/// A request of `model` and its reply, where a line has both as they were.
std::optional<Exchange> exchange_in(const JsonObject& line, std::string_view model) {
  const auto* const lm = line.if_contains("lm");
  const auto* const request = object_in(line, "request");
  const auto* const reply = object_in(line, "reply");
  if (lm == nullptr || !lm->is_string() || view(lm->get_string()) != model || request == nullptr || reply == nullptr)
    return {};
  auto out = attempt([&] { return Exchange{request_from_json(*request), reply_from_json(*reply)}; });
  if (!out) return {};
  return *std::move(out);
}

}  // namespace

Warmed warm_cache(std::shared_ptr<Cache> cache, const LM& lm, std::istream& trace) {
  if (!cache) throw Error(Errc::config_error, "there is no cache to warm; make one");
  const auto recorded = std::make_shared<Recorded>(lm);
  const auto asked = cached(cache)(recorded);
  Warmed out;
  for (std::string line; std::getline(trace, line);) {
    const auto json = parse_json(line);
    const auto* const object = json ? json->if_object() : nullptr;
    const auto* const kind = object != nullptr ? object->if_contains("kind") : nullptr;
    if (kind == nullptr || *kind != "attempt") continue;
    auto exchange = line.contains(Redactor::replacement) ? std::nullopt : exchange_in(*object, recorded->model());
    if (!exchange) {
      ++out.left_out;
      continue;
    }
    recorded->next(std::move(exchange->reply));
    const auto before = cache->stats().writes;
    const auto reply = wait(asked->complete(std::move(exchange->request)));
    if (reply.handling->source != ReplySource::model) {
      ++out.known;
    } else {
      ++(cache->stats().writes != before ? out.kept : out.left_out);
    }
  }
  if (cache->store()) cache->store()->flush();
  return out;
}

}  // namespace dspy
