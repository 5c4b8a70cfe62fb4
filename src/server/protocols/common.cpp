#include "server/protocols/common.hpp"

#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "server/protocols/members.hpp"

#include <format>
#include <utility>

namespace dspy::server {

JsonObject arguments_of(std::string_view text, std::string_view place) {
  if (text::trim(text).empty()) return {};
  auto value = parse_json(text);
  if (!value || !value->is_object()) wrong(place, "must be the text of a JSON object");
  return std::move(value->get_object());
}

Bytes bytes_of(std::string_view base64, std::string_view place) {
  auto bytes = base64::decode(base64);
  if (!bytes) wrong(place, "must be base64");
  return *std::move(bytes);
}

MediaPart media_at(MediaPart::Kind kind, std::string_view url, std::string_view place) {
  MediaPart out{.kind = kind};
  if (url.starts_with("https://") || url.starts_with("http://")) {
    out.url = url;
    return out;
  }
  constexpr std::string_view data = "data:";
  const auto comma = url.find(',');
  if (!url.starts_with(data) || comma == std::string_view::npos)
    wrong(place, "must be an `https:`, `http:` or `data:` URL");
  auto head = url.substr(data.size(), comma - data.size());
  constexpr std::string_view mark = ";base64";
  if (!head.ends_with(mark)) wrong(place, "must have its data as base64");
  head.remove_suffix(mark.size());
  out.media_type = head.substr(0, head.find(';'));
  out.data = bytes_of(url.substr(comma + 1), place);
  return out;
}

std::string tool_called(const Chat& chat, std::string_view id) {
  for (const auto& message : chat) {
    for (const auto& part : message.parts) {
      const auto* const call = part.get<ToolCallPart>();
      if (call != nullptr && call->id == id) return call->name;
    }
  }
  return {};
}

OutputContract held_to(const Json& schema, std::string name, std::optional<bool> strict) {
  return {.form = OutputContract::Form::schema, .grammar = to_text(schema), .name = std::move(name), .strict = strict};
}

OutputContract held_to_json() {
  return held_to(JsonObject{{"type", "object"}}, "json_object", std::nullopt);
}

void check(const Request& request) {
  validate(request.sampling);
}

std::optional<double> dollars(const Usage& usage) {
  if (!usage.cost_nanodollars) return {};
  return static_cast<double>(*usage.cost_nanodollars) / 1e9;
}

JsonObject remarks(const Reply& reply, const Stamp& stamp) {
  JsonObject out;
  if (!stamp.trace_id.empty()) out["trace_id"] = stamp.trace_id;
  if (!stamp.experiment.empty()) {
    out["experiment"] = stamp.experiment;
    out["arm"] = stamp.arm;
  }
  if (!reply.adaptations.empty()) {
    JsonArray all;
    for (const auto& each : reply.adaptations) {
      JsonObject one{{"field", each.field}, {"action", to_string(each.action)}, {"reason", each.reason}};
      if (!each.asked.is_null()) one["asked"] = each.asked;
      if (!each.applied.is_null()) one["applied"] = each.applied;
      all.push_back(std::move(one));
    }
    out["adaptations"] = std::move(all);
  }
  if (reply.handling.is_set() && reply.handling->source != ReplySource::model)
    out["source"] = to_string(reply.handling->source);
  if (reply.completions.empty()) return out;
  const auto& completion = reply.completion();
  if (completion.data) out["outputs"] = completion.data->value;
  if (completion.data && completion.data->probabilities) out["probabilities"] = *completion.data->probabilities;
  if (!completion.unenforced.empty())
    out["unenforced"] = JsonArray(completion.unenforced.begin(), completion.unenforced.end());
  if (!completion.closed_early.empty())
    out["closed_early"] = JsonArray(completion.closed_early.begin(), completion.closed_early.end());
  return out;
}

std::string shown(std::string_view bytes) {
  text::Utf8Buffer buffer;
  auto out = buffer.push(bytes);
  return out + buffer.finish();
}

}  // namespace dspy::server
