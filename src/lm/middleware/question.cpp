#include "lm/middleware/question.hpp"

#include "dspy/base/hash.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/lm/middleware/cache.hpp"

#include <bit>
#include <utility>

namespace dspy {
namespace {

constexpr std::string_view rollout_member = "rollout_id";

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
  return hash_bytes({reinterpret_cast<const char*>(&value), sizeof value}, hash);
}

const Json* metadata(const Request& request, std::string_view name) {
  return request.provider ? request.provider->metadata.if_contains(name) : nullptr;
}

}  // namespace

std::uint64_t quick_hash(const Request& request, std::uint64_t seed) {
  auto hash = seed;
  for (const auto& message : request.messages) {
    hash = mix(hash, static_cast<std::uint64_t>(message.role) << 32 | message.parts.size());
    for (const auto& part : message.parts) {
      if (const auto* const text = part.get<TextPart>()) hash = hash_bytes(text->text, hash);
    }
  }
  const auto& sampling = request.sampling;
  hash = mix(hash, std::bit_cast<std::uint64_t>(sampling.temperature.value_or(-1)));
  hash = mix(hash, sampling.seed.value_or(0) ^ static_cast<std::uint64_t>(sampling.max_tokens.value_or(-1)) << 32);
  return mix(hash, static_cast<std::uint64_t>(request.contract.form) << 32 | static_cast<unsigned>(request.n));
}

std::string rollout_of(const Request& request) {
  const auto* const id = metadata(request, rollout_member);
  return id == nullptr || id->is_null() ? std::string() : to_text(*id);
}

std::string program_of(const Request& request) {
  const auto* const name = metadata(request, "program");
  return name == nullptr || !name->is_string() ? std::string() : std::string(view(name->get_string()));
}

void keep_what_counts(Request& request) {
  request.deadline.reset();
  request.stop = {};
  if (!request.provider || (request.provider->metadata.empty() && request.provider->user_id.empty())) return;
  auto options = *request.provider;
  options.metadata.clear();
  options.user_id.clear();
  request.provider =
      options == ProviderOptions() ? nullptr : std::make_shared<const ProviderOptions>(std::move(options));
}

void drop_rollout(Request& request) {
  if (metadata(request, rollout_member) == nullptr) return;
  auto options = *request.provider;
  options.metadata.erase(rollout_member);
  request.provider = std::make_shared<const ProviderOptions>(std::move(options));
}

std::string cache_key(const Request& request, std::string_view fingerprint, std::string_view scope) {
  auto counts = request;
  keep_what_counts(counts);
  return sha256(to_text(JsonObject{{"version", 1},
                                   {"lm", fingerprint},
                                   {"scope", scope},
                                   {"rollout", rollout_of(request)},
                                   {"request", to_json(counts)}}));
}

}  // namespace dspy
