#include "dspy/lm/middleware/affinity.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "dspy/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// Of the first bytes of a prompt: roles and texts.
std::uint64_t prefix_hash(const Request& request, std::size_t bytes) {
  std::uint64_t hash = 0;
  for (const auto& message : request.messages) {
    hash = hash_bytes(to_string(message.role), hash);
    for (const auto& part : message.parts) {
      const auto* const text = part.get<TextPart>();
      if (text == nullptr) continue;
      const auto some = std::string_view(text->text).substr(0, bytes);
      hash = hash_bytes(some, hash);
      bytes -= some.size();
      if (bytes == 0) return hash;
    }
  }
  return hash;
}

/// An LM and how it is asked first.
struct Lane {
  double weight = 1;
  std::uint64_t mark = 0;  ///< Of the LM by its name: the same whatever others there are.
  std::shared_ptr<LM> first;
};

class AffineRouter final : public LM {
 public:
  AffineRouter(std::vector<Lane> lanes, std::size_t prefix_bytes)
      : lanes_(std::move(lanes)), prefix_bytes_(prefix_bytes) {}

  std::string_view model() const noexcept override { return lanes_.front().first->model(); }
  Capabilities capabilities() const override { return lanes_.front().first->capabilities(); }
  std::string fingerprint() const override { return "affine " + lanes_.front().first->fingerprint(); }
  Async<Reply> complete(Request request) override { return chosen(request).complete(std::move(request)); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return chosen(request).stream(std::move(request), std::move(sink));
  }

 private:
  /// The one with the highest score for this prefix, where a score is below any number with a chance that is the
  /// number to the power of the weight.
  LM& chosen(const Request& request) const {
    const auto prefix = prefix_hash(request, prefix_bytes_);
    const auto score = [&](const Lane& lane) {
      return std::log(Random(prefix).fork(lane.mark).uniform()) / lane.weight;
    };
    return *std::ranges::max_element(lanes_, {}, score)->first;
  }

  std::vector<Lane> lanes_;
  std::size_t prefix_bytes_;
};

}  // namespace

std::shared_ptr<LM> affine_router(std::vector<Route> routes, AffinityOptions options,
                                  const std::shared_ptr<const PriceTable>& prices, const Timing& timing) {
  if (options.prefix_bytes == 0)
    throw Error(Errc::invalid_parameter, "`prefix_bytes` of a router is 0, by which all prompts are equal; raise it");
  options.routing.order = RouterOptions::Order::in_turn;
  const auto whole = router(routes, options.routing, prices, timing);  // which checks the routes
  std::vector<Lane> lanes;
  std::map<std::string, std::uint64_t> seen;  // several may be of one name, such as those of several keys
  for (std::size_t i = 0; i < routes.size(); ++i) {
    if (routes[i].use != Route::Use::always) continue;
    const std::string name(routes[i].lm->model());
    auto turned = routes;
    std::ranges::rotate(turned, turned.begin() + static_cast<std::ptrdiff_t>(i));
    lanes.push_back(
        {.weight = routes[i].weight,
         .mark = hash_bytes(name, ++seen[name]),
         .first = lanes.empty() && i == 0 ? whole : router(std::move(turned), options.routing, prices, timing)});
  }
  return std::make_shared<AffineRouter>(std::move(lanes), options.prefix_bytes);
}

}  // namespace dspy
