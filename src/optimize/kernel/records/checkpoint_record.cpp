#include "optimize/kernel/records/checkpoint_record.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/exchange_json.hpp"

#include <format>
#include <string_view>

namespace dspy::optimize {
namespace {

Error damaged(std::string_view name, std::string_view kind) {
  return {Errc::config_error,
          std::format("a line of the checkpoint has no {} `{}`: the file was changed by something else; remove it to "
                      "begin anew, or name another file",
                      kind, name)};
}

const Json& member(const JsonObject& written, std::string_view name, std::string_view kind) {
  const auto* const value = written.if_contains(name);
  if (value == nullptr) throw damaged(name, kind);
  return *value;
}

std::string text_of(const JsonObject& written, std::string_view name) {
  const auto& value = member(written, name, "text");
  if (!value.is_string()) throw damaged(name, "text");
  return std::string(view(value.get_string()));
}

const JsonObject& object_of(const JsonObject& written, std::string_view name) {
  const auto& value = member(written, name, "object");
  if (!value.is_object()) throw damaged(name, "object");
  return value.get_object();
}

}  // namespace

CheckpointRecord checkpoint_record_from_json(const JsonObject& written) {
  CheckpointRecord out{.key = text_of(written, "key")};
  const auto kind = text_of(written, "kind");
  if (kind == "reply")
    out.reply = reply_from_json(object_of(written, kind));
  else if (kind == "rollout")
    out.rollout = rollout_from_json(object_of(written, kind));
  else if (kind == "score")
    out.score = score_from_json(object_of(written, kind));
  return out;
}

}  // namespace dspy::optimize
