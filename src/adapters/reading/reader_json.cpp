// Replies with a JSON object: which repairs are noted, and which member belongs to which output.

#include "adapters/reading/fences.hpp"
#include "adapters/reading/reader.hpp"
#include "dspy/base/text.hpp"

#include <format>
#include <utility>

namespace dspy {

/// The object that begins before `until` and ends behind `beyond`; nothing if there is none, and nothing in the reply
/// is to be read if it would be a guess.
std::optional<ReplyReader::Found> ReplyReader::find_json(std::size_t until, std::size_t beyond) {
  auto found = find_object(form_.labels, text_, start_, until);
  if (!found) {
    take("malformed_json");
    cause_ =
        std::format("its JSON object cannot be read: {} at byte {}", found.error().message, found.error().position);
    return Found::nothing;
  }
  if (!*found || (*found)->end <= beyond) return std::nullopt;
  note_json(**found);
  place_members(**std::move(found));
  return Found::json;
}

void ReplyReader::note_json(const FoundObject& found) {
  object_begin_ = found.begin;
  object_end_ = found.end;
  auto before = text_.substr(start_, found.begin - start_);
  auto after = text_.substr(found.end);
  if (form_.form != Form::json) take("json");
  const bool opened = drop_last_fence(before);
  const bool closed = drop_first_fence(after);
  if (opened || closed) take("fenced");
  if (found.nested) take("nested_object");
  if (!text::trim(before).empty()) take("leading_text");
  if (!text::trim(after).empty()) take("trailing_text");
  Repairs(flags_, {}).take(found.repairs);
}

void ReplyReader::place_members(FoundObject found) {
  json_.resize(signature_.outputs.size());
  for (auto& member : found.members) {
    const auto output = form_.labels.find_output(member.key());
    if (found.repairs.has(JsonRepair::unclosed)) last_member_ = output;
    if (output == signature_.outputs.size()) {
      take("extra_key");
      extra_keys_.emplace_back(member.key());
      continue;
    }
    const auto& name = signature_.outputs[output].name;
    const bool as_is = member.key() == name;
    if (!as_is) Repairs(flags_, name).take("label_spelling");
    if (json_[output]) {
      take("duplicate_key");
      if (!as_is) continue;
    }
    json_[output] = std::move(member.value());
    if (found.repairs.has(JsonRepair::unclosed_string)) cut_member_ = output;
  }
}

}  // namespace dspy
