#include "storage/kept_record.hpp"

#include "dspy/base/json.hpp"
#include "storage/kept_reply.hpp"

#include <chrono>
#include <cstdint>

namespace dspy {
namespace {

const Json* member(const JsonObject& object, std::string_view name) {
  return object.if_contains(name);
}

std::optional<std::int64_t> integer_in(const JsonObject& object, std::string_view name) {
  const auto* const found = member(object, name);
  if (found == nullptr || !found->is_int64()) return {};
  return found->get_int64();
}

std::optional<std::string> text_in(const JsonObject& object, std::string_view name) {
  const auto* const found = member(object, name);
  if (found == nullptr || !found->is_string()) return {};
  return std::string(view(found->get_string()));
}

CacheTime time_of(std::int64_t count) {
  return CacheTime(std::chrono::milliseconds(count));
}

}  // namespace

std::string to_record(const CacheEntry& entry) {
  JsonObject out{{"v", 1},
                 {"created", milliseconds(entry.created)},
                 {"model", entry.model},
                 {"program", entry.program},
                 {"value", entry.value},
                 {"checksum", checksum(entry)}};
  if (entry.expires) out["expires"] = milliseconds(*entry.expires);
  return to_text(out);
}

std::optional<CacheEntry> entry_of(std::string_view key, std::string_view record) {
  const auto json = parse_json(record);
  const auto* const object = json ? json->if_object() : nullptr;
  if (object == nullptr || integer_in(*object, "v") != 1) return {};
  const auto created = integer_in(*object, "created"), sum = integer_in(*object, "checksum");
  auto value = text_in(*object, "value"), model = text_in(*object, "model"), program = text_in(*object, "program");
  if (!created || !sum || !value || !model || !program) return {};
  CacheEntry out{.key = std::string(key),
                 .value = *std::move(value),
                 .created = time_of(*created),
                 .expires = {},
                 .model = *std::move(model),
                 .program = *std::move(program)};
  if (object->contains("expires")) {
    const auto expires = integer_in(*object, "expires");
    if (!expires) return {};
    out.expires = time_of(*expires);
  }
  if (checksum(out) != *sum) return {};
  return out;
}

}  // namespace dspy
